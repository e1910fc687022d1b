import { finding, type Finding, untried } from "../experiment.ts";
import type { Written } from "./judge-late-writes.ts";
import { CONFLICT } from "./judge-reservations.ts";

/** What a VM saw of a preemption that it sent. */
export interface Preempted {
  /** `conflict`: the disk refused it by a reservation conflict. */
  readonly outcome: "done" | "conflict";
  /** Who holds the reservation afterwards. */
  readonly holder: { readonly key: number; readonly type: number } | null;
  /** Blocks of the round that were on the disk right after it. */
  readonly landed: number;
  /** How many more landed then. */
  readonly late: number;
}

/** One round: the first VM holds the reservation and writes, and the second one takes it. */
export interface PreemptionRound {
  /** The keys of the first and the second VM. */
  readonly keys: readonly [holder: number, second: number];
  /** With a key that no VM has; and with that of the holder. */
  readonly stale: Preempted;
  readonly own: Preempted;
  readonly written: Written;
}

/** The type *write exclusive*. */
const WRITE_EXCLUSIVE = 1;

/** What a round of E10 shows. */
export function judgePreemption({ keys, stale, own, written }: PreemptionRound): Finding {
  const [holder, second] = keys;
  const isHeldBy = (key: number, { holder: now }: Preempted): boolean =>
    now?.key === key && now.type === WRITE_EXCLUSIVE;
  if (stale.outcome === "done" || !isHeldBy(holder, stale))
    return finding(false, `preempting a key that no VM has: ${stale.outcome}; then ${shown(stale)}`);
  if (own.outcome !== "done" || !isHeldBy(second, own))
    return finding(false, `preempting the holder's key: ${own.outcome}; then ${shown(own)}`);
  if (own.late > 0) return finding(false, `${own.late} blocks landed after the preemption`);
  if (written.fault !== undefined) return untried(`the first VM could not write on: ${written.fault}`);
  if (own.landed === 0) return untried("the first VM wrote no block");
  if (written.acknowledged > own.landed)
    return finding(
      false,
      `${written.acknowledged} blocks were acknowledged, and ${own.landed} had landed by the preemption`,
    );
  if (written.failed !== CONFLICT) {
    const failed = written.failed === null ? "none failed" : written.failed;
    return untried(`no write of the first VM was refused by a reservation conflict: ${failed}`);
  }
  return finding(
    true,
    `${own.landed} blocks had landed (${written.acknowledged} acknowledged) and none did so later; ` +
      `later writes failed (${CONFLICT}); a key that no VM has took nothing`,
  );
}

function shown({ holder }: Preempted): string {
  return holder === null
    ? "there is no reservation"
    : `key ${holder.key.toString(16)} holds it with type ${holder.type}`;
}
