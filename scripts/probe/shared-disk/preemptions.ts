import { type Choices, type Finding, foundBy, type Pair } from "../experiment.ts";
import { attachProbeDisk, detachProbeDisk } from "../probe-vm.ts";
import { lunOf, runInVm } from "../run-in-vm.ts";
import type { Written } from "./judge-late-writes.ts";
import { judgePreemption, type Preempted, type PreemptionRound } from "./judge-preemption.ts";
import { worstOf } from "./worst-of.ts";

const [HOLDER, SECOND, STALE] = [0x1a, 0x1b, 0x1c];
const keys = [HOLDER, SECOND] as const;
/** No round has this number, so that a preemption looks for no block. */
const NO_ROUND = 0;

/** E10: one VM reserves a shared disk and writes to it; the other one preempts that, by a wrong key first. */
export async function preemptions(pair: Pair, { rounds }: Pick<Choices, "rounds">): Promise<Finding> {
  const seen: Finding[] = [];
  await attachProbeDisk(pair.vm);
  await attachProbeDisk(pair.second);
  for (let round = 1; round <= rounds; round += 1)
    seen.push(await foundBy(async () => judgePreemption(await played(pair, round)), pair.vm.signal));
  await detachProbeDisk(pair.vm);
  await detachProbeDisk(pair.second);
  return worstOf(seen);
}

async function played({ vm, second }: Pair, round: number): Promise<PreemptionRound> {
  const [lun, secondLun] = [await lunOf(vm), await lunOf(second)];
  const preempt = async (earlier: number, of: number, watchS: number): Promise<Preempted> => {
    const asked = { do: "preempt", key: SECOND, earlier, round: of, watchS } as const;
    return (await runInVm(second, secondLun, asked)) as unknown as Preempted;
  };
  const { outcome } = await runInVm(vm, lun, { do: "reserve", key: HOLDER });
  if (outcome !== "done") throw new Error("the disk is reserved already, by another VM");
  const stale = await preempt(STALE, NO_ROUND, 0);
  await runInVm(vm, lun, { do: "write", round, pauses: false, cutAfterS: 0, cutForS: 0 });
  const own = await preempt(HOLDER, round, vm.watchMs / 1_000);
  const written = await runInVm(vm, lun, { do: "stop", round, afterMs: 0, hasCut: false });
  // The next round reserves the disk again.
  await runInVm(second, secondLun, { do: "release" });
  return { keys, stale, own, written: written as unknown as Written };
}
