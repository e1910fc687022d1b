import assert from "node:assert/strict";
import type { AzVolume } from "../../../src/core/api/az-volume.ts";
import { followCollection } from "../../../testbed/lab/cluster/follow-collection.ts";
import type { Lab } from "../../../testbed/lab/lab.ts";
import { thenCleanUp } from "../../../testbed/lab/units/then-clean-up.ts";
import { waitUntil } from "../../../testbed/lab/units/wait-until.ts";
import { leaderOf, untilAnotherLeads } from "../leading-controller.ts";
import { DRIVER_OBJECTS } from "../read-objects.ts";
import { azureDiskOf, patchAttributesClass, untilModified } from "../workload/attributes-classes.ts";
import type { Workloads } from "../workload/workloads.ts";
import { killDriverRole } from "./kill-process.ts";

const VOLUMES = `${DRIVER_OBJECTS}/azvolumes`;
/** Long enough for two looks of the driver, which are a minute apart, and a fault between them. */
const CONVERSION_MS = 240_000;
const SHOWN_MAX_MS = 240_000;

/**
 * Makes a claim's disk a Premium SSD v2, whose data Azure moves for minutes, and kills the leading
 * controller once the volume shows that. Then runs `use`, which may ask whether the volume still shows it,
 * and waits for the end. Throws unless the progress was shown to rise, and events of the claim report it.
 */
export async function convertsInBackground(
  workloads: Workloads,
  { claim, className }: { readonly claim: string; readonly className: string },
  use: (isUnderWay: () => boolean) => Promise<void>,
): Promise<void> {
  const { lab } = workloads;
  const { name } = (await workloads.volumeOf(claim)).metadata;
  /** Each message of the condition, and undefined once it is gone. */
  const shown: (string | undefined)[] = [];
  const isUnderWay = (): boolean => shown.at(-1) !== undefined;
  const watching = new AbortController();
  const { ended } = await followCollection(
    lab,
    VOLUMES,
    ({ object }) => {
      if (object.metadata.name !== name) return;
      const { status } = object as unknown as AzVolume;
      const message = status?.conditions.find(({ type }) => type === "Converting")?.message;
      if (message !== shown.at(-1)) shown.push(message);
    },
    watching.signal,
  );
  try {
    await withSlowConversions(lab, async () => {
      await patchAttributesClass(workloads, claim, className);
      await untilModified(workloads, claim, className);
    });
    assert.equal((await azureDiskOf(workloads, claim)).sku.name, "PremiumV2_LRS");
    await waitUntil(`${claim} to be converting`, { timeoutMs: SHOWN_MAX_MS }, async () =>
      isUnderWay() ? true : undefined,
    );
    const leader = await leaderOf(lab);
    await killDriverRole(lab.node(leader.nodeName), "controller");
    await untilAnotherLeads(lab, leader.holder);
    await use(isUnderWay);
    await waitUntil(`${claim} to be converted`, { timeoutMs: CONVERSION_MS + SHOWN_MAX_MS }, async () =>
      isUnderWay() ? undefined : true,
    );
  } finally {
    watching.abort();
    await ended;
  }
  const percents = shown.slice(0, -1).map((message) => Number(/(\d+) %/u.exec(message ?? "")?.[1]));
  assert.ok(percents.length > 1, `the progress was shown: ${percents.join(", ")}`);
  assert.deepEqual(
    percents,
    [...new Set(percents)].toSorted((left, right) => left - right),
  );
  await workloads.untilEvent("PersistentVolumeClaim", claim, /^Converting: .*PremiumV2_LRS.*\d+ %/u);
  await workloads.untilEvent("PersistentVolumeClaim", claim, /^Converted: .*PremiumV2_LRS/u);
}

/** Runs `use` while conversions take `CONVERSION_MS`, whatever the lab's pace. */
async function withSlowConversions(lab: Lab, use: () => Promise<void>): Promise<void> {
  const settings = (await lab.azure.call("GET", "/emulator/v1/settings")) as {
    readonly timeScale: number;
    readonly latencies: { readonly diskConvert: unknown };
  };
  const durationMs = CONVERSION_MS / settings.timeScale;
  const slow = { medianMs: durationMs, p99Ms: durationMs };
  await thenCleanUp(
    async () => {
      await lab.azure.call("PATCH", "/emulator/v1/settings", { latencies: { diskConvert: slow } });
      await use();
    },
    async () => {
      const { diskConvert } = settings.latencies;
      await lab.azure.call("PATCH", "/emulator/v1/settings", { latencies: { diskConvert } });
    },
  );
}
