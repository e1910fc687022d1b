import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { buildGoProgram } from "../../../testbed/parts/build-go-program.ts";

/** What Prometheus would have scraped, a sample a minute. */
export interface ScrapedCase {
  /** By series, its values in the notation of promtool: `0x9 1+1x5` is ten zeros, then 1 to 6. */
  readonly series: Readonly<Record<string, string>>;
  /** How many minutes are evaluated, from 0 on. */
  readonly minutes: number;
}

/** An alert that has fired. */
export interface Firing {
  readonly alert: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The minutes in which it was firing. */
  readonly minutes: readonly number[];
}

/**
 * What the rules of a file fire for in each case, by Prometheus' own parser and query engine. The first run
 * builds that: half a minute. Throws with Prometheus' message if a rule is wrong.
 */
export async function evaluateRules(
  rules: string,
  cases: readonly ScrapedCase[],
): Promise<readonly (readonly Firing[])[]> {
  const program = await buildGoProgram("promql", () => undefined, new AbortController().signal);
  const child = spawn(program, { stdio: ["pipe", "pipe", "pipe"] });
  const asked = cases.map(({ series, minutes }) => ({
    minutes,
    series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
  }));
  child.stdin.end(JSON.stringify({ rules, cases: asked }));
  const [answer, complaint, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "exit"),
  ]);
  if (code !== 0) throw new Error(complaint);
  return JSON.parse(answer) as readonly (readonly Firing[])[];
}
