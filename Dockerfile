# syntax=docker/dockerfile:1

# Two images from one file, so that the server never carries torch:
#   docker build --target server -t studyhall-server .
#   docker build --target worker -t studyhall-worker .
# A worker without a GPU is 2 GB smaller with the CPU index of PyTorch (see its "Get Started" page):
#   docker build --target worker --build-arg TORCH_INDEX=URL -t studyhall-worker-cpu .

# The Python that the tests run on.
ARG PYTHON=3.11

FROM python:${PYTHON}-slim-bookworm AS builder
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PATH=/opt/studyhall/bin:$PATH
RUN python -m venv /opt/studyhall
WORKDIR /src
# First the dependencies, with empty packages in the place of ours: a change of code keeps this layer.
COPY pyproject.toml constraints.txt README.md LICENSE ./
RUN mkdir app workers studyhall migrations && touch app/__init__.py workers/__init__.py studyhall/__init__.py migrations/__init__.py

FROM builder AS server-build
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install -c constraints.txt '.[server,postgres,search]'
COPY . .
RUN pip install --no-cache-dir --no-deps --force-reinstall .

FROM builder AS worker-build
# Empty: the default build of the registry, which brings CUDA on Linux x86-64.
ARG TORCH_INDEX=
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} -c constraints.txt '.[worker,compression]'
COPY . .
RUN pip install --no-cache-dir --no-deps --force-reinstall .

FROM python:${PYTHON}-slim-bookworm AS runtime
# A fixed number, so that volumes and Kubernetes' runAsNonRoot can name it.
RUN groupadd --gid 10001 studyhall \
    && useradd --uid 10001 --gid 10001 --create-home --home-dir /var/lib/studyhall --shell /usr/sbin/nologin studyhall \
    # A new volume takes over the owner of the folder it covers.
    && install --directory --owner=10001 --group=10001 --mode=700 /state /keys
ENV PATH=/opt/studyhall/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 STUDYHALL_HOME=/var/lib/studyhall
WORKDIR /var/lib/studyhall
USER 10001:10001
ENTRYPOINT ["studyhall"]

FROM runtime AS server
COPY --from=server-build /opt/studyhall /opt/studyhall
EXPOSE 8000
# /readyz and not /healthz: a server that cannot reach its database should get no traffic.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
CMD ["serve", "--host", "0.0.0.0"]

FROM runtime AS worker
COPY --from=worker-build /opt/studyhall /opt/studyhall
CMD ["worker"]
