/**
 * A search in TypeScript, with a client that is generated from the server's OpenAPI document and no code of ours.
 *
 *     curl -s $STUDYHALL_URL/openapi.json > openapi.json
 *     npm install && npm run generate && npm run build
 *     STUDYHALL_URL=http://127.0.0.1:8000 STUDYHALL_KEY=hps_... npm start
 */
import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

declare const process: { env: Record<string, string | undefined> };

type ClaimedTrial = components["schemas"]["ClaimedTrial"];

const api = createClient<paths>({
  baseUrl: process.env["STUDYHALL_URL"] ?? "http://127.0.0.1:8000",
  headers: { Authorization: `Bearer ${process.env["STUDYHALL_KEY"] ?? ""}` },
});

/** The answer, or the server's problem (RFC 9457) as an error. */
function told<T>({ data, error }: { data?: T | undefined; error?: unknown }): T {
  if (data === undefined) throw new Error(`the server said no: ${JSON.stringify(error)}`);
  return data;
}

/** One trial to evaluate; null once the study hands out no more. */
async function ask(study: string): Promise<{ trial: ClaimedTrial; token: string } | null> {
  const token = crypto.randomUUID(); // the client makes the token: the same claim again finds the same trial
  const answer = await api.POST("/v1/claims", { body: { token, worker: "typescript", study, wait_s: 5 } });
  if (answer.response.status === 204) return null;
  const trial = told(answer).trials[0];
  return trial === undefined ? null : { trial, token };
}

async function evaluate(trial: ClaimedTrial, token: string): Promise<void> {
  const path = { trial: trial.trial.id };
  const held = { attempt: trial.attempt, token };
  const x = Number(trial.trial.parameters["x"]);
  for (let step = 1; step <= 3; step += 1) {
    const measurements = [{ step, metrics: { y: (x - 1) ** 2 + 1 / step } }];
    const { directive } = told(
      await api.POST("/v1/trials/{trial}/measurements", { params: { path }, body: { ...held, measurements } }),
    );
    if (directive === "stop") break;
  }
  const metrics = { y: (x - 1) ** 2 };
  told(await api.POST("/v1/trials/{trial}/complete", { params: { path }, body: { ...held, metrics } }));
}

const study = told(
  await api.POST("/v1/studies", {
    body: {
      name: "parabola in TypeScript",
      space: { parameters: [{ name: "x", type: "float", low: -3, high: 3 }] },
      objectives: [{ metric: "y", goal: "minimize" }],
      algorithm: { name: "sobol", seed: 1 },
      budget: { max_trials: 8 },
      if_exists: "get",
    },
  }),
);

for (let asked = await ask(study.id); asked !== null; asked = await ask(study.id)) {
  await evaluate(asked.trial, asked.token);
}

const best = told(await api.GET("/v1/studies/{study}/best", { params: { path: { study: study.id } } })).trials[0];
console.log(JSON.stringify({ study: study.id, best: best?.metrics?.["y"], x: best?.parameters["x"] }));
