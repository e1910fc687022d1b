/** What one check of the preflight has found. */
export interface Finding {
  /** Such as `sign-in` or `may delete disks`. */
  readonly check: string;
  /** `unknown`: it could not be checked, which is said but is no failure. */
  readonly verdict: "ok" | "missing" | "unknown";
  readonly detail: string;
  /** The command that fixes it, or a sentence where no command does. */
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
    ...(fix === undefined ? [] : [`         fix: ${fix}`]),
  ]);
  const count = findings.filter(({ verdict }) => verdict === "missing").length;
  const end = count === 0 ? "nothing is missing" : `${count} missing`;
  return `${[...lines, end].join("\n")}\n`;
}
