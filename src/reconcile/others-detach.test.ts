import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { WriterRecord } from "../core/model/az-volume.ts";
import { aVolumeWithRecord, diskUri, identity } from "../core/plan/testing/objects.ts";
import { mayCarryOut } from "./others-detach.ts";
import { withControllerPorts } from "./testing/a-controller.ts";

const never = new AbortController().signal;
const node = identity("node-a");
const writer = { ...node, epoch: 5, held: true, wanted: true };

describe("mayCarryOut", () => {
  const rows: readonly {
    readonly because: string;
    readonly record: Partial<WriterRecord>;
    readonly update?: { readonly attaches?: string; readonly settles?: true };
    readonly may: boolean;
  }[] = [
    { because: "the node holds the volume", record: { writer }, may: false },
    { because: "the node may take it at any moment", record: { writer: { ...writer, held: false } }, may: false },
    { because: "the node is unproven", record: { unproven: [node] }, may: false },
    { because: "another node writes it", record: { writer: { ...writer, ...identity("node-b") } }, may: true },
    { because: "no node writes it", record: {}, may: true },
    { because: "the disk itself is attached to a node that holds it", record: { writer }, update: { attaches: diskUri }, may: false },
    {
      because: "the disk itself is attached to a node that waits for it",
      record: { writer: { ...writer, held: false } },
      update: { attaches: diskUri },
      may: true,
    },
    { because: "an unproven node waits for its VM to be settled", record: { unproven: [node] }, update: { settles: true }, may: true },
    { because: "the VM to be settled has a writer's disk", record: { writer }, update: { settles: true }, may: false },
  ];
  for (const { because, record, update = {}, may } of rows)
    it(`answers ${may}: ${because}`, () =>
      withControllerPorts(async (world) => {
        await world.given("AzVolume", aVolumeWithRecord(record));
        assert.equal(await mayCarryOut(world.ports, { node, ...update })([diskUri.toUpperCase()], never), may);
      }));

  it("answers true for a disk that is none of the driver's", () =>
    withControllerPorts(async (world) => {
      assert.equal(await mayCarryOut(world.ports, { node })([`${diskUri}-of-others`], never), true);
    }));
});
