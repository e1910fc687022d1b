import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { it } from "node:test";
import { parseAllDocuments } from "yaml";
import { type SidecarTimings, sidecarTimings } from "../../sim/kubernetes/sidecars/sidecar-timings.ts";

/** The default of every sidecar's `--retry-interval-start`. */
const RETRY_START = "1s";
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000 };

interface Workload {
  readonly spec?: {
    readonly template?: {
      readonly spec: {
        readonly containers: readonly { readonly name: string; readonly args?: readonly string[] }[];
      };
    };
  };
}

it("the simulated sidecars wait for answers and before repeats as the chart's do", async () => {
  const text = await readFile(new URL("golden/everything.yaml", import.meta.url), "utf8");
  const sidecars = Object.keys(sidecarTimings);
  const found = parseAllDocuments(text)
    .flatMap((document) => (document.toJS() as Workload | null)?.spec?.template?.spec.containers ?? [])
    .filter(({ name }) => sidecars.includes(name))
    .map(({ name, args = [] }) => [name, timingsIn(args)] as const);
  assert.deepEqual(Object.fromEntries(found), sidecarTimings);
});

function timingsIn(args: readonly string[]): SidecarTimings {
  const valueOf = (flag: string): string | undefined =>
    args.find((arg) => arg.startsWith(`--${flag}=`))?.slice(flag.length + 3);
  return {
    timeoutMs: inMs(valueOf("timeout")),
    backoff: {
      baseMs: inMs(valueOf("retry-interval-start") ?? RETRY_START),
      maxMs: inMs(valueOf("retry-interval-max")),
    },
  };
}

/** A duration of Go with one unit, in milliseconds. */
function inMs(duration: string | undefined): number {
  const [, count, unit] = /^(\d+)(ms|s|m)$/u.exec(duration ?? "") ?? [];
  return Number(count) * (UNIT_MS[unit ?? ""] ?? Number.NaN);
}
