export interface Finding {
  /** Such as `sign-in` or `may delete disks`. */
  readonly check: string;
  /** `unknown`: it could not be checked, which is reported, but not a failure. */
  readonly verdict: "ok" | "missing" | "unknown";
  readonly detail: string;
  /** The commands that fix it, one a line, or a sentence where no command does. */
  readonly fix?: string;
}

export function present(check: string, detail: string): Finding {
  return { check, verdict: "ok", detail };
}

export function missing(check: string, detail: string, fix: string): Finding {
  return { check, verdict: "missing", detail, fix };
}

export function unknown(check: string, detail: string): Finding {
  return { check, verdict: "unknown", detail };
}

/** The findings for people: each missing item with what fixes it. */
export function describeFindings(findings: readonly Finding[]): string {
  const lines = findings.flatMap(({ check, verdict, detail, fix }) => [
    `${verdict.padEnd(7)}  ${check}: ${detail}`,
    ...(fix === undefined ? [] : [`         fix: ${fix.replaceAll("\n", "\n              ")}`]),
  ]);
  const count = (sought: Finding["verdict"]): number =>
    findings.filter(({ verdict }) => verdict === sought).length;
  const counts = (["missing", "unknown"] as const)
    .filter((verdict) => count(verdict) > 0)
    .map((verdict) => `${count(verdict)} ${verdict}`);
  const end = counts.length === 0 ? "nothing is missing" : counts.join(", ");
  return `${[...lines, end].join("\n")}\n`;
}
