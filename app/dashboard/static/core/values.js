/** Values of trials under names that users chose: `constructor` and `__proto__` are names like any other. */

export const TRIAL_STATES = ["completed", "pruned", "running", "waiting", "infeasible", "failed", "cancelled"];

/** @returns the value, or undefined where there is none of this name */
export function valueOf(values, name) {
  return values !== undefined && values !== null && Object.hasOwn(values, name) ? values[name] : undefined;
}

/** Whether a trial in this state will not change any more. */
export function isFinal(state) {
  return state !== "waiting" && state !== "running";
}

/** Whether one value of an objective beats another; anything beats a missing one. */
export function isBetter(objective, value, than) {
  if (value === undefined || value === null) return false;
  if (than === undefined || than === null) return true;
  return objective.goal === "maximize" ? value > than : value < than;
}

/** Every metric that any of the trials has, objectives first. */
export function metricNames(rows, objectives) {
  const names = new Set(objectives.map(({ metric }) => metric));
  for (const row of rows) for (const name of Object.keys(row.metrics ?? {})) names.add(name);
  return [...names];
}

/** Seconds from start to end of the last attempt, up to now while it runs; undefined before its start. */
export function secondsOf(row, now = Date.now()) {
  if (row.startedAt === null) return undefined;
  if (row.finishedAt === null && row.state !== "running") return undefined;
  return Math.max(0, ((row.finishedAt ?? now) - row.startedAt) / 1000);
}
