import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { resourceUriKey } from "../src/core/azure/ids/disk-uri.ts";
import { withFrozenWriter } from "./testing/with-frozen-writer.ts";

/** Worlds in each attach mode: a failover depends on when kubelet and plug-in were seen last. */
const SEEDS = 10;
/** What docs/assurance/performance.md says, in milliseconds. */
const WRITES_MAX_MS = 125_000;

/** What comes after the freeze, in this order, by the words of the trace. */
const PHASES = [
  ["unreachable", "its kubelet is silent"],
  ["power-off requested", "powering off the VM of a silent node"],
  ["off", "VM of a silent node powered off"],
  ["marked", "node marked out of service"],
] as const;

describe("a writer whose machine freezes, while Azure shows its VM as running", () => {
  for (const attach of ["kubernetes", "driver"] as const)
    it(`is powered off, and its pod writes elsewhere; attach: ${attach}`, async (t) => {
      const phases = new Map<string, number[]>();
      for (let seed = 1; seed <= SEEDS; seed++)
        for (const [phase, ms] of await failover(attach, seed))
          phases.set(phase, [...(phases.get(phase) ?? []), ms]);
      for (const [phase, ms] of phases) t.diagnostic(`${attach}: ${phase} after ${described(ms)}`);
      const writes = phases.get("writes elsewhere") ?? [];
      assert.equal(writes.length, SEEDS);
      assert.ok(Math.max(...writes) <= WRITES_MAX_MS, described(writes));
    });
});

/** How long after the freeze each phase ended, at Azure's real pace and with default settings. */
async function failover(
  attach: "kubernetes" | "driver",
  seed: number,
): Promise<readonly (readonly [string, number])[]> {
  const seen: [string, number][] = [];
  await withFrozenWriter(
    attach,
    async ({ world, nodeName, until }) => {
      const frozenMs = world.clock.elapsedMs();
      const before = world.trace.lines().length;
      let writesElsewhere = false;
      const diskUri = resourceUriKey(world.cluster.diskUriOf("vol-1") ?? "");
      world.azure.onDiskEvent((event) => {
        writesElsewhere ||=
          event.kind === "wrote" &&
          resourceUriKey(event.diskUri) === diskUri &&
          event.machine.nodeName !== nodeName;
      });
      const note = (phase: string): void => void seen.push([phase, world.clock.elapsedMs() - frozenMs]);
      for (const [phase, words] of PHASES) {
        const hasCome = (): boolean =>
          world.trace.lines().some((line, index) => index >= before && line.includes(words));
        await until(phase, hasCome);
        note(phase);
      }
      await until("a write elsewhere", () => writesElsewhere);
      note("writes elsewhere");
    },
    { seed, settings: { silentNodes: "power-off" }, timeScale: 1 },
  );
  return seen;
}

function described(ms: readonly number[]): string {
  const sorted = ms.map((each) => each / 1_000).toSorted((left, right) => left - right);
  const at = (share: number): string => (sorted[Math.floor(share * (sorted.length - 1))] ?? 0).toFixed(1);
  return `${at(0.5)} s (${at(0)} to ${at(1)} s)`;
}
