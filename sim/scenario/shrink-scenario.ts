import type { ClusterScenario, Scenario } from "./scenario.ts";

/** Runs that shrinking takes at most. */
const RUNS_MAX = 200;

/**
 * A smaller scenario that fails alike: leaves out the second cluster, then faults, acts and workloads, many
 * at once and then one by one, as long as `fails` says that what is left still breaks the same promise.
 */
export async function shrinkScenario(
  scenario: Scenario,
  fails: (smaller: Scenario) => Promise<boolean>,
): Promise<Scenario> {
  let smallest = scenario;
  let runs = 0;
  const isSmallerFailing = async (smaller: Scenario): Promise<boolean> => {
    if (runs >= RUNS_MAX) return false;
    runs += 1;
    if (!(await fails(smaller))) return false;
    smallest = smaller;
    return true;
  };
  const leaveOut = async <T>(
    listOf: (of: Scenario) => readonly T[],
    withList: (of: Scenario, list: readonly T[]) => Scenario,
    leastLeft: number,
  ): Promise<void> => {
    for (
      let size = Math.ceil(listOf(smallest).length / 2);
      size >= 1;
      size = size === 1 ? 0 : Math.ceil(size / 2)
    ) {
      for (let from = 0; from < listOf(smallest).length;) {
        const list = listOf(smallest);
        const rest = [...list.slice(0, from), ...list.slice(from + size)];
        if (rest.length < leastLeft || !(await isSmallerFailing(withList(smallest, rest)))) from += size;
      }
    }
  };

  const { second, ...alone } = scenario;
  if (second !== undefined) await isSmallerFailing(alone);
  const inSecond = (of: Scenario, change: Partial<ClusterScenario>): Scenario =>
    of.second === undefined ? of : { ...of, second: { ...of.second, ...change } };
  await leaveOut(
    (of) => of.second?.faults ?? [],
    (of, faults) => inSecond(of, { faults }),
    0,
  );
  await leaveOut(
    (of) => of.second?.acts ?? [],
    (of, acts) => inSecond(of, { acts }),
    0,
  );
  await leaveOut(
    ({ faults }) => faults,
    (of, faults) => ({ ...of, faults }),
    0,
  );
  await leaveOut(
    ({ acts }) => acts,
    (of, acts) => ({ ...of, acts }),
    0,
  );
  await leaveOut(
    ({ workloads }) => workloads,
    (of, workloads) => ({ ...of, workloads }),
    1,
  );
  return smallest;
}
