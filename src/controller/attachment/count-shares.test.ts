import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { aDetail, anAttachment, attachmentName, aVolume } from "../../core/testing/objects.ts";
import { must } from "../../core/testing/value-of.ts";
import type { AccessMode } from "../../core/volume/access-mode.ts";
import { isSingleWriter } from "../../core/volume/access-modes.ts";
import { newRecord } from "../../core/writer/record/writer-steps.ts";
import type { CloudProvisioner } from "../../ports/cloud/cloud-provisioner.ts";
import { type ReconcileWorld, withControllerPorts } from "../testing/a-controller.ts";
import { aDisk } from "../testing/a-disk.ts";
import { aDriverNode } from "../testing/a-driver-node.ts";
import { attachmentReconciler } from "./attachment-reconciler.ts";

const never = new AbortController().signal;
const unattached = anAttachment("node-b", { status: undefined });

/** Attaches a disk of three recorded shares that has four; what was asked for, and how often it was read. */
async function attach(
  world: ReconcileWorld,
  other: AzVolumeAttachment,
  accessMode: AccessMode = "MULTI_NODE_MULTI_WRITER",
  read: Result<void> = ok(undefined),
): Promise<{ readonly modification: unknown; readonly reads: number }> {
  await world.given("AzDriverNode", aDriverNode("node-a"));
  const capabilities = [{ accessMode, accessType: "block" }] as const;
  const record = isSingleWriter(capabilities) ? newRecord(0) : undefined;
  const status = { record, detail: aDetail({ maxShares: 3 }) };
  await world.given("AzVolume", aVolume({ spec: { capabilities }, status }));
  await world.given("AzVolumeAttachment", other);
  await world.given("AzVolumeAttachment", anAttachment("node-a", { status: undefined }));
  let reads = 0;
  const getDisk: CloudProvisioner["getDisk"] = async () => {
    reads += 1;
    return read.ok ? ok(aDisk({ maxShares: 4 })) : read;
  };
  const ports = { ...world.ports, cloud: { ...world.ports.cloud, getDisk } };
  await must(world.answerOf(attachmentReconciler(ports).reconcile(attachmentName("node-a"), never)));
  assert.equal(world.attachment("node-a")?.status?.state, "Attached");
  return { modification: world.volume()?.spec.modification, reads };
}

describe("the first attach of a disk that several nodes write", () => {
  it("counts its shares: another client may have added some while no VM had it", () =>
    withControllerPorts(async (world) => {
      // The disk's loop reads it again, and records how many there are.
      assert.deepEqual(await attach(world, unattached), { modification: {}, reads: 1 });
    }));

  it("counts none where another node has it already", () =>
    withControllerPorts(async (world) => {
      assert.deepEqual(await attach(world, anAttachment("node-b")), { modification: undefined, reads: 0 });
    }));

  it("counts none where one node writes at a time", () =>
    withControllerPorts(async (world) => {
      const counted = await attach(world, unattached, "SINGLE_NODE_WRITER");
      assert.deepEqual(counted, { modification: undefined, reads: 0 });
    }));

  it("keeps its place where Azure does not show the disk", () =>
    withControllerPorts(async (world) => {
      const throttled = fail({ kind: "Throttled", retryAfterMs: 1_000, detail: "429" } as const);
      const counted = await attach(world, unattached, "MULTI_NODE_MULTI_WRITER", throttled);
      assert.deepEqual(counted, { modification: undefined, reads: 1 });
    }));
});
