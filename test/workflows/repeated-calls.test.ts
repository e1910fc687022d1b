import assert from "node:assert/strict";
import { open, readFile } from "node:fs/promises";
import { it } from "node:test";
import type { LabNode } from "../../demo/lab/lab.ts";
import { readRecord } from "../../demo/observe.ts";
import { type DemoVolume, publishRequest, stagingPath, targetPath } from "../../demo/volume-moves.ts";
import { comesToFailWith, failsWith, outcomeOf } from "./csi-failure.ts";
import { setAzureTimeScale } from "./emulator-admin.ts";
import { createRequest, nodePublishRequest, stageRequest } from "./requests.ts";
import { untilServed } from "./volume-use.ts";
import { type LabWorld, withLab } from "./with-lab.ts";

const vms = [
  { name: "node-a", zone: "1" },
  { name: "node-b", zone: "1" },
];
const WAIT_MAX_MS = 120_000;
const TEST_TIME_SCALE = 0.02;
/**
 * Scale of Azure's latencies, so that calls take some seconds. Creating a disk takes Azure a tenth of one,
 * an attach eight.
 */
const SLOW_TIME_SCALES = { create: 10, attach: 0.3, delete: 4 } as const;
/** A deadline that passes in the middle of a call. */
const SHORT_MS = 100;
const DIRTY_BYTES = 48 * 1024 * 1024;

/** Two calls at once: each succeeds, or is refused because work is in progress; in the end it succeeds. */
async function twice<T>(call: () => Promise<T>): Promise<T> {
  const outcomes = await Promise.all([outcomeOf(call()), outcomeOf(call())]);
  const codes = outcomes.map(({ code }) => code);
  // The node's own clean-up may have the volume at that moment.
  assert.ok(
    codes.every((code) => code === "OK" || code === "ABORTED"),
    JSON.stringify(outcomes),
  );
  return untilServed(call);
}

/**
 * Cancels in the middle, and repeats the call until the work in progress is done, as an orchestrator does.
 */
async function afterDeadline<T>(
  { lab }: LabWorld,
  slowness: keyof typeof SLOW_TIME_SCALES,
  call: (options: { readonly timeoutMs: number }) => Promise<T>,
): Promise<T> {
  await setAzureTimeScale(lab, SLOW_TIME_SCALES[slowness]);
  const { code } = await outcomeOf(call({ timeoutMs: SHORT_MS }));
  assert.ok(code === "DEADLINE_EXCEEDED" || code === "UNAVAILABLE", code);
  await setAzureTimeScale(lab, TEST_TIME_SCALE);
  return untilServed(() => call({ timeoutMs: WAIT_MAX_MS }));
}

async function disksNamed(
  { lab }: LabWorld,
  name: string,
): Promise<readonly { readonly attachedTo: readonly string[] }[]> {
  return (await lab.emulator.disks()).filter((disk) => disk.name === name);
}

async function mountsOf(volume: DemoVolume, node: LabNode): Promise<readonly string[]> {
  const text = await readFile(`/proc/${node.mountsPid}/mountinfo`, "utf8");
  const paths = text.split("\n").map((line) => line.split(" ")[4] ?? "");
  return paths
    .filter((path) => path === stagingPath(node, volume) || path === targetPath(node, volume))
    .toSorted();
}

async function repeatsCreate(
  world: LabWorld,
  request: ReturnType<typeof createRequest>,
): Promise<DemoVolume> {
  const { controller } = world.lab;
  const late = await afterDeadline(world, "create", (options) => controller.createVolume(request, options));
  const again = await twice(() => controller.createVolume(request));
  assert.deepEqual(again, late, "the same answer each time");
  assert.equal((await disksNamed(world, request.name)).length, 1);
  const [capability] = request.volumeCapabilities;
  assert.ok(again.volume !== undefined && capability !== undefined);
  return {
    volumeId: again.volume.volumeId,
    name: request.name,
    volumeContext: again.volume.volumeContext,
    capability,
  };
}

async function repeatsPublish(world: LabWorld, volume: DemoVolume, node: LabNode): Promise<void> {
  const { lab, signal } = world;
  const publish = (options?: { readonly timeoutMs: number }) =>
    lab.controller.controllerPublishVolume(publishRequest(volume, node), options);
  await setAzureTimeScale(lab, SLOW_TIME_SCALES.attach);
  await outcomeOf(publish({ timeoutMs: 1 }));
  const late = await untilServed(() => publish());
  const again = await twice(() => publish());
  assert.deepEqual(again, late, "the same answer each time");
  assert.equal((await readRecord(lab, volume, signal))?.epoch, 1, "one grant");
  await comesToFailWith(
    () => lab.controller.controllerPublishVolume(publishRequest(volume, node, { readonly: true })),
    "ALREADY_EXISTS",
    node.name,
    "readonly false",
  );
}

async function repeatsStage(world: LabWorld, volume: DemoVolume, node: LabNode): Promise<void> {
  const stage = (options?: { readonly timeoutMs: number }) =>
    node.csi.nodeStageVolume(stageRequest(volume, node), options);
  await afterDeadline(world, "attach", stage);
  await twice(() => stage());
  assert.deepEqual(await mountsOf(volume, node), [stagingPath(node, volume)]);
}

async function repeatsNodePublish(volume: DemoVolume, node: LabNode): Promise<void> {
  const publish = (options?: { readonly timeoutMs: number }) =>
    node.csi.nodePublishVolume(nodePublishRequest(volume, node), options);
  await outcomeOf(publish({ timeoutMs: 5 }));
  await untilServed(() => publish());
  await twice(() => publish());
  assert.deepEqual(
    await mountsOf(volume, node),
    [stagingPath(node, volume), targetPath(node, volume)].toSorted(),
  );
  await failsWith(
    node.csi.nodeUnstageVolume({ volumeId: volume.volumeId, stagingTargetPath: stagingPath(node, volume) }),
    "FAILED_PRECONDITION",
    targetPath(node, volume),
  );
  const file = await open(node.seenFromOutside(`${targetPath(node, volume)}/dirty`), "w");
  await file.writeFile(Buffer.alloc(DIRTY_BYTES, "x"));
  await file.close();
}

async function repeatsNodeUnpublish(volume: DemoVolume, node: LabNode): Promise<void> {
  const unpublish = (options?: { readonly timeoutMs: number }) =>
    node.csi.nodeUnpublishVolume(
      { volumeId: volume.volumeId, targetPath: targetPath(node, volume) },
      options,
    );
  await outcomeOf(unpublish({ timeoutMs: 5 }));
  await untilServed(() => unpublish());
  await twice(() => unpublish());
  assert.deepEqual(await mountsOf(volume, node), [stagingPath(node, volume)]);
}

async function repeatsUnstage(world: LabWorld, volume: DemoVolume, node: LabNode): Promise<void> {
  const { lab, signal } = world;
  const unstage = (options?: { readonly timeoutMs: number }) =>
    node.csi.nodeUnstageVolume(
      { volumeId: volume.volumeId, stagingTargetPath: stagingPath(node, volume) },
      options,
    );
  await outcomeOf(unstage({ timeoutMs: 20 }));
  await untilServed(() => unstage());
  await twice(() => unstage());
  assert.deepEqual(await mountsOf(volume, node), []);
  assert.notEqual((await readRecord(lab, volume, signal))?.writer?.held, true, "released");
}

async function repeatsUnpublish(world: LabWorld, volume: DemoVolume, node: LabNode): Promise<void> {
  const { lab, signal } = world;
  const unpublish = (options?: { readonly timeoutMs: number }) =>
    lab.controller.controllerUnpublishVolume(
      { volumeId: volume.volumeId, nodeId: node.name, secrets: {} },
      options,
    );
  await afterDeadline(world, "attach", unpublish);
  await twice(() => unpublish());
  await lab.controller.controllerUnpublishVolume({ volumeId: volume.volumeId, nodeId: "", secrets: {} });
  await lab.controller.controllerUnpublishVolume({
    volumeId: `${volume.volumeId}-gone`,
    nodeId: node.name,
    secrets: {},
  });
  assert.equal((await readRecord(lab, volume, signal))?.writer, undefined);
  assert.deepEqual(
    await disksNamed(world, volume.name).then((disks) => disks.map(({ attachedTo }) => attachedTo)),
    [[]],
  );
}

async function repeatsDelete(world: LabWorld, volume: DemoVolume): Promise<void> {
  const { lab } = world;
  const remove = (options?: { readonly timeoutMs: number }) =>
    lab.controller.deleteVolume({ volumeId: volume.volumeId, secrets: {} }, options);
  await afterDeadline(world, "delete", remove);
  await twice(() => remove());
  assert.deepEqual(await disksNamed(world, volume.name), []);
}

it("calls that are repeated, concurrent, or cancelled in the middle", async (t) => {
  await withLab(t, { vms }, async (world) => {
    const { lab, node } = world;
    const a = node("node-a");
    let volume: DemoVolume | undefined;
    await t.test("CreateVolume", async () => {
      volume = await repeatsCreate(world, createRequest({ name: "repeated" }));
    });
    if (volume === undefined) return;
    const made = volume;
    await t.test("ControllerPublishVolume", () => repeatsPublish(world, made, a));
    await t.test("NodeStageVolume", () => repeatsStage(world, made, a));
    await t.test("NodePublishVolume", () => repeatsNodePublish(made, a));
    await t.test("DeleteVolume of a volume in use", async () => {
      await comesToFailWith(
        () => lab.controller.deleteVolume({ volumeId: made.volumeId, secrets: {} }),
        "FAILED_PRECONDITION",
        "node-a",
      );
      assert.equal((await mountsOf(made, a)).length, 2);
    });
    await t.test("NodeUnpublishVolume", () => repeatsNodeUnpublish(made, a));
    await t.test("NodeUnstageVolume", () => repeatsUnstage(world, made, a));
    await t.test("ControllerUnpublishVolume", () => repeatsUnpublish(world, made, a));
    await t.test("DeleteVolume", () => repeatsDelete(world, made));
  });
});
