import { type Choices, finding, type Finding, type Pair } from "./experiment.ts";
import { attachProbeDisk, detachProbeDisk, type ProbeVm, untilEnded } from "./probe-vm.ts";
import { lunOf, runInVm } from "./run-in-vm.ts";

const KEY = 0xa;
/** What a write that a reservation of SCSI or NVMe refuses fails with: kernels differ. */
const REFUSALS: readonly string[] = ["EBADE", "EIO"];

/**
 * E7: one VM registers with a shared disk and reserves it for writes of registrants, the other one does not.
 * What stays of that is seen by whose writes are refused.
 */
export async function reservations({ vm, second }: Pair, { mayStop }: Choices): Promise<Finding> {
  const seen: { readonly when: string; readonly own: string; readonly other: string }[] = [];
  const write = async (at: ProbeVm): Promise<string> =>
    String((await runInVm(at, await lunOf(at), { do: "writeOnce" }))["outcome"]);
  const note = async (when: string): Promise<void> => {
    seen.push({ when, own: await write(vm), other: await write(second) });
  };
  await attachProbeDisk(vm);
  await attachProbeDisk(second);
  await note("before it");
  await runInVm(vm, await lunOf(vm), { do: "reserve", key: KEY });
  await note("reserved");
  await detachProbeDisk(vm);
  seen.push({ when: "detached", own: "written", other: await write(second) });
  await attachProbeDisk(vm);
  await note("attached again");
  if (mayStop) {
    for (const action of ["deallocate", "start"]) {
      const done = await untilEnded(vm, await vm.http({ method: "POST", path: `${vm.vmId}/${action}` }));
      if (done.end !== "Succeeded") throw new Error(`${action} ended ${done.end}`);
    }
    await note("deallocated and started");
  }
  await detachProbeDisk(vm);
  await detachProbeDisk(second);
  const [before, ...reserved] = seen;
  const isKept = reserved.every(({ own, other }) => own === "written" && REFUSALS.includes(other));
  return finding(
    before?.own === "written" && before.other === "written" && isKept,
    seen
      .map(({ when, own, other }) => `${when}: the holder's write ${own}, the other VM's ${other}`)
      .join("; ") + (mayStop ? "" : "; deallocation was not tried: permit that by --may-stop"),
  );
}
