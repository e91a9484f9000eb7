/** A study's history as points, for the plot: one per trial, or fewer where the server thinned them out. Pure. */

/** @typedef {{number: number, value: number | null, state: string, excluded?: boolean, sequence?: number}} Point */

/** Reads the columns of `analyses/history`. @returns {Point[]} by number */
export function pointsFromColumns({ number, value, state, best }) {
  return number.map((each, index) => ({
    number: each,
    value: value[index] ?? null,
    state: state[index],
    best: best?.[index] ?? null,
  }));
}

/** Brings points up to date with changed trials. @returns {Point[]} by number */
export function withTrials(points, trials, metric) {
  const byNumber = new Map(points.map((point) => [point.number, point]));
  for (const { number, state, metrics, excluded } of trials) {
    const value = metrics && Object.hasOwn(metrics, metric) ? metrics[metric] : null;
    byNumber.set(number, { number, state, value, excluded: excluded ?? false });
  }
  return [...byNumber.values()].sort((a, b) => a.number - b.number);
}

/**
 * The steps of the best value so far, from completed trials that are not excluded.
 * Where a study has constraints on metrics only the server knows which trials count: then its own column is used.
 */
export function bestSoFar(points, objective, { trusted = false } = {}) {
  const steps = [];
  let best = null;
  for (const point of points) {
    const value = trusted ? point.best : counts(point) ? point.value : null;
    if (value === null || value === undefined || (best !== null && !beats(objective, value, best))) continue;
    best = value;
    steps.push({ number: point.number, value });
  }
  return steps;
}

function counts({ state, value, excluded }) {
  return state === "completed" && value !== null && !excluded;
}

function beats({ goal }, value, than) {
  return goal === "maximize" ? value > than : value < than;
}
