import { finding, type Finding, untried } from "../experiment.ts";
import type { Ended } from "../probe-vm.ts";
import { SKEW_MAX_MS } from "../vm-clock.ts";

/** How the writing VM is while its disk is detached by force. */
export type Writing = "steadily" | "paused" | "cut off";

/** What the program of either VM has noted of itself. */
interface Noted {
  /** Whether an I/O still hung when it was stopped. */
  readonly isHung: boolean;
  /** The error that has ended it early. */
  readonly fault?: string;
}

/** What the VM that wrote has noted; times are of its own clock, in milliseconds since 1970. */
export interface Written extends Noted {
  /** The last block whose write succeeded; all before it did so, too. */
  readonly acknowledged: number;
  /** The error of the write that failed last, and when that one began. */
  readonly failed: string | null;
  readonly failedMs: number;
  /** When the last write began. */
  readonly triedMs: number;
  readonly cutMs?: number;
  readonly healedMs?: number;
}

/** What the VM that watched has noted. */
export interface Watched extends Noted {
  /** The last block that it has seen. */
  readonly last: number;
  /** How many landed certainly later than `SKEW_MAX_MS` after the end, and how many perhaps. */
  readonly late: number;
  readonly unsure: number;
  /** When the last one had not landed yet, and when it was seen. */
  readonly landedMs: number;
  readonly seenMs: number;
  /** When the last read began, which showed no further block. */
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

/** What a round shows. */
export function judgeRound({ detach, written, watched }: Round, way: Writing): Finding {
  const { endedMs, end, goneAfterMs } = detach;
  if (end !== "Succeeded") return untried(`the forced detach ended ${end}`);
  if (Number.isNaN(endedMs)) return untried("Azure does not say when the forced detach ended");
  const gone =
    goneAfterMs === undefined
      ? "Azure's reads still showed the disk at the VM"
      : `Azure's reads showed the disk gone ${inS(goneAfterMs)} after it`;
  if (watched.late > 0)
    return finding(
      false,
      `${watched.late} blocks landed after the detach had ended, the last one ` +
        `more than ${inS(watched.landedMs - endedMs)} after it; ${gone}`,
    );
  const reason = reasonAgainst({ detach, written, watched }, way);
  if (reason !== undefined) return untried(reason);
  if (written.acknowledged > watched.last)
    return finding(
      false,
      `${written.acknowledged - watched.last} acknowledged blocks are lost: ` +
        `${written.acknowledged} were acknowledged, ${watched.last} landed`,
    );
  const [fromEndMs, side] =
    watched.seenMs > endedMs ? [watched.seenMs - endedMs, "after"] : [endedMs - watched.seenMs, "before"];
  return finding(
    true,
    `${watched.last} blocks landed (${written.acknowledged} acknowledged), the last one by ` +
      `${inS(fromEndMs)} ${side} the end of the detach, as far as clocks show that; ` +
      `later writes failed (${written.failed ?? "none"}); ${gone}`,
  );
}

/** Why a round without a late block does not show that there is none. */
function reasonAgainst({ detach, written, watched }: Round, way: Writing): string | undefined {
  const afterMs = detach.endedMs + SKEW_MAX_MS;
  if (watched.fault !== undefined) return `the second VM could not read on: ${watched.fault}`;
  if (watched.isHung) return "a read of the second VM hung";
  if (!watched.isMarked) return "the second VM saw another disk than the first one";
  if (watched.untilMs <= afterMs) return "the second VM stopped watching before the detach had ended";
  // Lost blocks need nothing of what follows.
  if (written.acknowledged > watched.last) return undefined;
  if (watched.last === 0) return "the first VM wrote no block";
  if (written.fault !== undefined) return `the first VM could not write on: ${written.fault}`;
  if (watched.unsure > 0) {
    const after = inS(watched.seenMs - detach.endedMs);
    return (
      `${watched.unsure} blocks were seen up to ${after} after the end of the detach, and may have landed ` +
      "earlier: the second VM read too slowly; probe again with less load on it"
    );
  }
  if (written.failed === null || written.failedMs <= afterMs)
    return (
      "no write that the first VM began after the detach has failed" +
      (written.isHung ? ": one hung; probe again with a larger --watch-ms" : "")
    );
  return way === "cut off" && !isCutDuring(detach, written)
    ? "the VM was not cut off during the whole detach"
    : undefined;
}

function isCutDuring(
  { startedMs, endedMs }: Round["detach"],
  { cutMs = Infinity, healedMs = 0 }: Written,
): boolean {
  return cutMs + SKEW_MAX_MS < startedMs && healedMs > endedMs + SKEW_MAX_MS;
}

function inS(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
