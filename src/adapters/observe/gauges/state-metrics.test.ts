import assert from "node:assert/strict";
import { it } from "node:test";
import { Registry } from "prom-client";
import type { CountedObjects } from "../../../core/states/count-states.ts";
import { aVolume, anAttachment } from "../../../core/testing/objects.ts";
import { registerStateMetrics } from "./state-metrics.ts";

async function valuesOf(registry: Registry): Promise<readonly string[]> {
  return (await registry.metrics()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
}

it("metrics count the leader's objects at each scrape, and no other process's", async () => {
  const registry = new Registry();
  const objects: CountedObjects = {
    volumes: () => [aVolume()],
    attachments: () => [anAttachment("node-a")],
    nodes: () => [],
    ignoredNodes: () => [],
    isSilent: () => false,
  };
  let counted: CountedObjects | undefined = objects;
  registerStateMetrics(registry, () => counted);
  assert.deepEqual(await valuesOf(registry), [
    'azuredisk_volumes{state="Created"} 1',
    'azuredisk_attachments{role="Primary",state="Attached"} 1',
  ]);
  counted = { ...objects, volumes: () => [] };
  assert.deepEqual(await valuesOf(registry), ['azuredisk_attachments{role="Primary",state="Attached"} 1']);
  counted = undefined;
  assert.deepEqual(await valuesOf(registry), []);
});
