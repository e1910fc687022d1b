import type { Finding } from "../experiment.ts";

/** What several rounds of an experiment have found: one that is broken shows more than one not tried. */
export function worstOf(seen: readonly Finding[]): Finding {
  const worst = (["broken", "not tried"] as const).find((verdict) =>
    seen.some((one) => one.verdict === verdict),
  );
  return { verdict: worst ?? "held", detail: seen.map(({ detail }) => detail).join("; ") };
}
