import { ownersOf } from "./disk-owners.ts";
import { type Choices, finding, type Finding, type Pair } from "./experiment.ts";
import {
  type Ended,
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
} from "./probe-vm.ts";
import { lunOf, runInVm, SKEW_MAX_MS } from "./run-in-vm.ts";

/** How the writing VM is while its disk is detached by force. */
export type Writing = "steadily" | "paused" | "cut off";

/** What the VM that wrote has noted; times are of its own clock, in milliseconds since 1970. */
interface Written {
  readonly acknowledged: number;
  readonly failed: string | null;
  readonly triedMs: number;
  readonly cutMs?: number;
  readonly healedMs?: number;
}

/** What the VM that watched has noted. */
interface Watched {
  readonly last: number;
  /** When a read began that did not show the last block yet. */
  readonly absentMs: number;
  /** The last block that had landed by the end of the detach. */
  readonly atEnd: number;
  readonly untilMs: number;
  readonly isMarked: boolean;
}

/** One round, from the beginning of its detach on. */
export interface Round {
  readonly detach: Ended & {
    /** From the end until Azure's reads no longer showed the disk at the VM; undefined: not in time. */
    readonly goneAfterMs: number | undefined;
  };
  readonly written: Written;
  readonly watched: Watched;
}

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
      const { verdict, detail } = judge(await played(pair, way, number), way);
      seen.push({ verdict, detail: `${ways.length === 1 ? "" : `${way}: `}${detail}` });
    }
  await detachProbeDisk(pair.second);
  const worst = (["broken", "not tried"] as const).find((verdict) =>
    seen.some((one) => one.verdict === verdict),
  );
  return { verdict: worst ?? "held", detail: seen.map(({ detail }) => detail).join("; ") };
}

/** What a round shows. */
export function judge({ detach, written, watched }: Round, way: Writing): Finding {
  const { endedMs } = detach;
  const goneAfter = inS(detach.goneAfterMs);
  const untried = (detail: string): Finding => ({ verdict: "not tried", detail });
  if (detach.end !== "Succeeded") return untried(`the forced detach ended ${detach.end}`);
  if (Number.isNaN(endedMs)) return untried("Azure does not say when the forced detach ended");
  if (watched.last > watched.atEnd)
    return finding(
      false,
      `${watched.last - watched.atEnd} blocks landed after the detach had ended, the last one ` +
        `more than ${inS(watched.absentMs - endedMs)} after it; Azure's reads showed the disk ` +
        `gone ${goneAfter} after it`,
    );
  if (!watched.isMarked || watched.last === 0) return untried("the second VM saw no block of the first one");
  if (written.triedMs < endedMs || watched.untilMs < endedMs + SKEW_MAX_MS)
    return untried("the VMs stopped writing or watching before the detach had ended");
  if (way === "cut off" && !isCutDuring(detach, written))
    return untried("the VM was not cut off during the whole detach");
  return finding(
    true,
    `${watched.last} blocks landed (${written.acknowledged} acknowledged), the last one ` +
      `${inS(endedMs - watched.absentMs)} before the detach had ended; later writes failed ` +
      `(${written.failed ?? "none"}); Azure's reads showed the disk gone ${goneAfter} after it`,
  );
}

function isCutDuring(
  { startedMs, endedMs }: Round["detach"],
  { cutMs = Infinity, healedMs = 0 }: Written,
): boolean {
  return cutMs < startedMs && healedMs > endedMs;
}

function inS(ms: number | undefined): string {
  if (ms === undefined) return "not yet";
  return `${(ms / 1_000).toFixed(1)} s`;
}

async function played({ vm, second }: Pair, way: Writing, round: number): Promise<Round> {
  await attachProbeDisk(vm);
  const [lun, secondLun] = [await lunOf(vm), await lunOf(second)];
  const cut =
    way === "cut off" ? { afterMs: vm.watchMs, forMs: CUT_TIMES * vm.watchMs } : { afterMs: 0, forMs: 0 };
  const [cutAfterS, cutForS] = [cut.afterMs / 1_000, cut.forMs / 1_000];
  const pauses = way === "paused";
  await runInVm(second, secondLun, { do: "watch", round });
  await runInVm(vm, lun, { do: "write", round, pauses, cutAfterS, cutForS });
  const begunMs = vm.clock.elapsedMs();
  await vm.clock.sleep(cut.afterMs + vm.pollMs, vm.signal);
  const detach = await forcedDetach(vm);
  if (pauses) await runInVm(vm, lun, { do: "resume" });
  await vm.clock.sleep(vm.watchMs, vm.signal);
  const healsInMs = begunMs + cut.afterMs + cut.forMs - vm.clock.elapsedMs();
  if (cut.forMs > 0) await vm.clock.sleep(Math.max(0, healsInMs), vm.signal);
  const afterMs = Number.isNaN(detach.endedMs) ? 0 : detach.endedMs + SKEW_MAX_MS;
  const stop = { do: "stop", round, afterMs } as const;
  const [written, watched] = await Promise.all([
    runInVm(vm, lun, { ...stop, hasCut: cut.forMs > 0 }),
    runInVm(second, secondLun, { ...stop, hasCut: false }),
  ]);
  return { detach, written: written as unknown as Written, watched: watched as unknown as Watched };
}

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
