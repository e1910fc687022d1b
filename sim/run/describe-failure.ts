import type { Violation } from "../history/violation.ts";
import type { SeedResult } from "./run-seed.ts";

/** Lines of the timeline that a failure shows. */
const TIMELINE_MAX = 60;
/** Writes that do not concern a volume. */
const DULL = /(?:updateStatus AzDriverNode|update Lease|updateStatus Lease)/u;
const NAME = /[a-z0-9]+(?:-[a-z0-9]+)+/giu;
const VIOLATIONS_MAX = 5;

/** A failure as text: what was broken, the events before, and how to reproduce it. */
export function describeSeedFailure(result: SeedResult, replay: string): string {
  const [first] = result.violations;
  const shown = result.violations.slice(0, VIOLATIONS_MAX).map((violation) => `  ${describe(violation)}`);
  const more = result.violations.length - shown.length;
  return [
    `seed ${result.seed}: ${first?.invariant ?? "nothing broken"}`,
    ...shown,
    ...(more > 0 ? [`  … and ${more} more`] : []),
    `  faults: ${result.faults.join(", ")}`,
    "",
    ...(first === undefined ? [] : timeline(result.lines, first).map((line) => `  ${line}`)),
    "",
    ...result.objects.map((line) => `  ${line}`),
    "",
    `replay: ${replay}`,
  ].join("\n");
}

/**
 * The last lines before a promise was broken that are about the names in its detail, users' acts and
 * faults included.
 */
export function timeline(lines: readonly string[], violation: Violation): readonly string[] {
  const names = new Set((violation.detail.match(NAME) ?? []).map((name) => name.toLowerCase()));
  const isRelevant = (line: string): boolean => {
    if (DULL.test(line)) return false;
    const [, subject = ""] = line.split(" ");
    // In the second cluster it is `second/fault`.
    const about = subject.slice(subject.lastIndexOf("/") + 1);
    if (about === "fault" || about === "weather" || about === "promise") return true;
    return [...names].some((name) => line.toLowerCase().includes(name));
  };
  return lines.filter(isRelevant).slice(-TIMELINE_MAX);
}

function describe({ atMs, invariant, detail }: Violation): string {
  return `at ${(atMs / 1000).toFixed(1)} s ${invariant}: ${detail}`;
}
