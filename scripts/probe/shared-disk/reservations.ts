import type { Choices, Finding, Pair } from "../experiment.ts";
import { attachProbeDisk, detachProbeDisk, type ProbeVm, untilEnded } from "../probe-vm.ts";
import { lunOf, runInVm } from "../run-in-vm.ts";
import { judgeReservations, type ReservedWrites } from "./judge-reservations.ts";

const KEY = 0xa;

/**
 * E7: one VM reserves a shared disk for its writes, and ends that at last; the other one does not register.
 * What stays of the reservation is seen by whose writes are refused.
 */
export async function reservations({ vm, second }: Pair, { mayStop }: Choices): Promise<Finding> {
  const seen: ReservedWrites[] = [];
  const write = async (at: ProbeVm): Promise<string> =>
    String((await runInVm(at, await lunOf(at), { do: "writeOnce" }))["outcome"]);
  const note = async (when: string, detached?: ProbeVm): Promise<void> => {
    const [own, other] = [vm, second].map((each) => (each === detached ? undefined : () => write(each)));
    seen.push({ when, own: await own?.(), other: await other?.() });
  };
  const power = async (action: "restart" | "deallocate" | "start"): Promise<void> => {
    const done = await untilEnded(vm, await vm.http({ method: "POST", path: `${vm.vmId}/${action}` }));
    if (done.end !== "Succeeded") throw new Error(`${action} ended ${done.end}`);
  };
  const detachedAndBack = async (which: ProbeVm, name: string): Promise<void> => {
    await detachProbeDisk(which);
    await note(`${name} detached`, which);
    await attachProbeDisk(which);
    await note(`${name} attached again`);
  };
  await attachProbeDisk(vm);
  await attachProbeDisk(second);
  await note("before it");
  const { outcome } = await runInVm(vm, await lunOf(vm), { do: "reserve", key: KEY });
  if (outcome !== "done") throw new Error("the disk is reserved already, by another VM");
  await note("reserved");
  await detachedAndBack(second, "the other VM");
  await detachedAndBack(vm, "the holder");
  if (mayStop) {
    await power("restart");
    await note("restarted");
    await power("deallocate");
    await note("deallocated", vm);
    await power("start");
    await note("deallocated and started");
  }
  await runInVm(vm, await lunOf(vm), { do: "release" });
  await note("ended");
  await detachProbeDisk(vm);
  await detachProbeDisk(second);
  return judgeReservations(seen, { mayStop });
}
