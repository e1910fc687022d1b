import { ownersOf } from "../disk-owners.ts";
import { type Choices, type Finding, foundBy, type Pair } from "../experiment.ts";
import {
  attachProbeDisk,
  dataDisksOf,
  detachProbeDisk,
  etagOf,
  hasProbeDisk,
  isProbeDisk,
  type ProbeVm,
  readVm,
  sendWrite,
  untilEnded,
  withDataDisks,
} from "../probe-vm.ts";
import { lunOf, runInVm, runTimed } from "../run-in-vm.ts";
import { SKEW_MAX_MS } from "../vm-clock.ts";
import { judgeRound, type Round, type Watched, type Writing, type Written } from "./judge-late-writes.ts";
import { worstOf } from "./worst-of.ts";

/** E3 and E4: one VM writes to a shared disk that is taken from it by force, and the other one watches. */
export async function lateWrites(
  pair: Pair,
  { rounds }: Pick<Choices, "rounds">,
  ways: readonly Writing[],
): Promise<Finding> {
  const seen: Finding[] = [];
  await attachProbeDisk(pair.second);
  for (const way of ways)
    for (let round = 1; round <= rounds; round += 1) {
      const number = ways.indexOf(way) * rounds + round;
      // What other rounds have shown stays where one fails.
      const judged = async (): Promise<Finding> => judgeRound(await played(pair, way, number), way);
      const { verdict, detail } = await foundBy(judged, pair.vm.signal);
      seen.push({ verdict, detail: `${ways.length === 1 ? "" : `${way}: `}${detail}` });
    }
  await detachProbeDisk(pair.second);
  return worstOf(seen);
}

async function played({ vm, second }: Pair, way: Writing, round: number): Promise<Round> {
  await attachProbeDisk(vm);
  const [lun, secondLun] = [await lunOf(vm), await lunOf(second)];
  const cut =
    way === "cut off" ? { afterMs: vm.watchMs, forMs: CUT_TIMES * vm.watchMs } : { afterMs: 0, forMs: 0 };
  const [cutAfterS, cutForS] = [cut.afterMs / 1_000, cut.forMs / 1_000];
  const pauses = way === "paused";
  await runTimed(second, secondLun, { do: "watch", round });
  await runTimed(vm, lun, { do: "write", round, pauses, cutAfterS, cutForS });
  const begunMs = vm.clock.elapsedMs();
  const untilCutMs = cut.forMs > 0 ? cut.afterMs + CUT_LATE_MAX_MS + SKEW_MAX_MS : 0;
  await vm.clock.sleep(untilCutMs + vm.pollMs, vm.signal);
  const detach = await forcedDetach(vm);
  if (pauses) await runInVm(vm, lun, { do: "resume" });
  await vm.clock.sleep(vm.watchMs, vm.signal);
  const healsInMs = begunMs + cut.afterMs + cut.forMs - vm.clock.elapsedMs();
  if (cut.forMs > 0) await vm.clock.sleep(Math.max(0, healsInMs), vm.signal);
  const afterMs = Number.isNaN(detach.endedMs) ? 0 : detach.endedMs + SKEW_MAX_MS;
  const stop = { do: "stop", round, afterMs } as const;
  // The watch ends last: it has to show what the other VM has acknowledged.
  const written = await runTimed(vm, lun, { ...stop, hasCut: cut.forMs > 0 });
  const watched = await runTimed(second, secondLun, { ...stop, hasCut: false });
  return { detach, written: written as unknown as Written, watched: watched as unknown as Watched };
}

/** How much later than asked a busy VM may cut its network, in milliseconds. */
const CUT_LATE_MAX_MS = 1_500;
/** A cut lasts as many times as long as the watch: it has to outlast the detach. */
const CUT_TIMES = 4;

async function forcedDetach(vm: ProbeVm): Promise<Round["detach"]> {
  const present = await readVm(vm);
  const entries = dataDisksOf(present).map((entry) =>
    isProbeDisk(vm, entry) ? { ...entry, toBeDetached: true, detachOption: "ForceDetach" } : entry,
  );
  const ended = await untilEnded(vm, await sendWrite(vm, withDataDisks(entries), etagOf(present)));
  const seenMs = vm.clock.elapsedMs();
  for (;;) {
    const isGone = !(await isThere(vm));
    const afterMs = vm.clock.elapsedMs() - seenMs;
    if (isGone || afterMs > vm.watchMs) return { ...ended, goneAfterMs: isGone ? afterMs : undefined };
    await vm.clock.sleep(vm.pollMs, vm.signal);
  }
}

/** Whether Azure's reads still show the disk at the VM. */
async function isThere(vm: ProbeVm): Promise<boolean> {
  return (await hasProbeDisk(vm)) || (await ownersOf(vm)).length > 1;
}
