import assert from "node:assert/strict";
import { it } from "node:test";
import type { SimulatedCommit } from "../../../src/adapters/simulated-store/simulated-store.ts";
import { nodeLabelsIn } from "../../../src/core/api/node-labels.ts";
import { createVolume, publish, unpublish, untilDone } from "../bursts.ts";
import { diskUri } from "../place.ts";
import { createVirtualDriver } from "../virtual-driver.ts";

const NAME = "pvc-0";
/** Until the replica's label is written, too. */
const SETTLE_MS = 5_000;
const never = new AbortController().signal;

function labelsIn(object: SimulatedCommit["after"]): number {
  return nodeLabelsIn(object?.metadata.labels).length;
}

it("moves a volume to a replica and back without a write of a label", async () => {
  const driver = await createVirtualDriver({ vms: 2 });
  const { cloud, store } = driver;
  const { clock, run } = cloud;
  const volumeId = diskUri(NAME);
  const [first = "", replica = ""] = cloud.nodes.map(({ nodeName }) => nodeName);
  let labelWrites = 0;
  store.onCommit(({ kind, before, after }) => {
    if (kind === "AzVolume" && labelsIn(before) !== labelsIn(after)) labelWrites += 1;
  });
  const writer = (): string | undefined => store.objects("AzVolume")[0]?.status?.record?.writer?.nodeName;
  const moveTo = async (nodeName: string): Promise<void> => {
    await publish(driver, volumeId, nodeName);
    while (writer() !== nodeName) await clock.sleep(1, never);
  };
  await run(createVolume(driver, NAME, 2));
  await run(moveTo(first));
  await run(untilDone(driver, 2));
  await run(clock.sleep(SETTLE_MS, never));
  assert.equal(labelWrites, 2);
  for (const [from, to] of [
    [first, replica],
    [replica, first],
  ] as const) {
    await run(unpublish(driver, volumeId, from));
    await run(moveTo(to));
  }
  assert.equal(labelWrites, 2);
});
