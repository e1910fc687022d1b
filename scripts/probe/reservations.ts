import type { Choices, Finding, Pair } from "./experiment.ts";
import { judgeReservations, type ReservedWrites } from "./judge-reservations.ts";
import { attachProbeDisk, detachProbeDisk, type ProbeVm, untilEnded } from "./probe-vm.ts";
import { lunOf, runInVm } from "./run-in-vm.ts";

const KEY = 0xa;

/**
 * E7: one VM registers with a shared disk and reserves it for writes of registrants, the other one does not.
 * What stays of that is seen by whose writes are refused.
 */
export async function reservations({ vm, second }: Pair, { mayStop }: Choices): Promise<Finding> {
  const seen: ReservedWrites[] = [];
  const write = async (at: ProbeVm): Promise<string> =>
    String((await runInVm(at, await lunOf(at), { do: "writeOnce" }))["outcome"]);
  const note = async (when: string): Promise<void> => {
    seen.push({ when, own: await write(vm), other: await write(second) });
  };
  const noteAlone = async (when: string): Promise<void> => {
    seen.push({ when, own: undefined, other: await write(second) });
  };
  const power = async (action: "deallocate" | "start"): Promise<void> => {
    const done = await untilEnded(vm, await vm.http({ method: "POST", path: `${vm.vmId}/${action}` }));
    if (done.end !== "Succeeded") throw new Error(`${action} ended ${done.end}`);
  };
  await attachProbeDisk(vm);
  await attachProbeDisk(second);
  await note("before it");
  await runInVm(vm, await lunOf(vm), { do: "reserve", key: KEY });
  await note("reserved");
  await detachProbeDisk(vm);
  await noteAlone("detached");
  await attachProbeDisk(vm);
  await note("attached again");
  if (mayStop) {
    await power("deallocate");
    await noteAlone("deallocated");
    await power("start");
    await note("deallocated and started");
  }
  await detachProbeDisk(vm);
  await detachProbeDisk(second);
  return judgeReservations(seen, { mayStop });
}
