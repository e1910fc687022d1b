import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { identity } from "../testing/objects.ts";
import { filterNodes } from "./filter-nodes.ts";
import { isAttachedTo, isBarred, isWritersNode } from "./pod-volume.ts";
import { SCORE_MAX, scoreNodes } from "./score-nodes.ts";
import { arbitraryPlacement } from "./testing/arbitrary-placement.ts";
import { aCandidate, among, aPodVolume, aReplicaNode, attachedTo } from "./testing/pod-volumes.ts";

const a = aCandidate("node-a");
const b = aCandidate("node-b");

describe("scoreNodes", () => {
  it("scores by the share of the pod's volumes that are attached", () => {
    const rows = [
      { because: "attached nowhere", volumes: [aPodVolume()], scores: {} },
      { because: "no volume of the driver's", volumes: [], scores: {} },
      {
        because: "one of one, on two nodes",
        volumes: [attachedTo("node-a", "node-b")],
        scores: { "node-a": 5, "node-b": 5 },
      },
      {
        because: "two of two, and one of two",
        volumes: [attachedTo("node-a", "node-b"), attachedTo("node-a")],
        scores: { "node-a": 5, "node-b": 2 },
      },
      {
        because: "two of three",
        volumes: [attachedTo("node-a"), attachedTo("node-a"), aPodVolume()],
        scores: { "node-a": 3 },
      },
      {
        because: "a volume without a disk yet is one of two",
        volumes: [attachedTo("node-a"), aPodVolume({ disk: undefined })],
        scores: { "node-a": 2 },
      },
      {
        because: "one of thirty is more than none, and twenty-nine less than all",
        volumes: [attachedTo("node-a"), ...Array.from({ length: 29 }, () => attachedTo("node-b"))],
        scores: { "node-a": 1, "node-b": 4 },
      },
    ];
    for (const { because, volumes, scores } of rows)
      assert.deepEqual(Object.fromEntries(scoreNodes({ volumes, findNode: among(a, b) })), scores, because);
  });

  // On any other node the pod would wait for the volume as long as the writer's pod runs.
  it("scores the writer's node above every other", () => {
    const writtenOnA = attachedTo("node-a", "node-b");
    const writer = identity("node-a");
    const requestedOnA = aPodVolume({
      attachments: new Map([
        ["node-a", aReplicaNode("node-a", { isFirm: true })],
        ["node-b", aReplicaNode("node-b")],
      ]),
    });
    const rows = [
      { because: "it writes", volumes: [{ ...writtenOnA, writer }], scores: { "node-a": 10, "node-b": 5 } },
      {
        because: "it requests the volume, which no node writes",
        volumes: [requestedOnA],
        scores: { "node-a": 10, "node-b": 5 },
      },
      {
        because: "another one requests what it writes",
        volumes: [{ ...requestedOnA, writer: identity("node-b") }],
        scores: { "node-a": 5, "node-b": 10 },
      },
      {
        because: "several nodes may write, or no other pod uses it",
        volumes: [{ ...requestedOnA, drawsToWriter: false }],
        scores: { "node-a": 5, "node-b": 5 },
      },
      {
        because: "of two that are written, the one that another pod may use counts",
        volumes: [
          { ...writtenOnA, writer, drawsToWriter: false },
          { ...writtenOnA, writer: identity("node-b") },
        ],
        scores: { "node-a": 5, "node-b": 10 },
      },
      {
        because: "it writes one, and the other has both",
        volumes: [{ ...writtenOnA, writer }, attachedTo("node-b")],
        scores: { "node-a": 7, "node-b": 5 },
      },
      {
        because: "it writes one of thirty, and the other has all",
        volumes: [{ ...writtenOnA, writer }, ...Array.from({ length: 29 }, () => attachedTo("node-b"))],
        scores: { "node-a": 6, "node-b": 5 },
      },
      {
        because: "the writer was an earlier VM of that name",
        volumes: [{ ...writtenOnA, writer: { ...writer, vmId: "older" } }],
        scores: { "node-a": 5, "node-b": 5 },
      },
    ];
    for (const { because, volumes, scores } of rows)
      assert.deepEqual(Object.fromEntries(scoreNodes({ volumes, findNode: among(a, b) })), scores, because);
  });

  it("fails over to a replica where the writer's node is in trouble", () => {
    const written = { ...attachedTo("node-a", "node-b"), writer: identity("node-a") };
    const rows = [
      { because: "not ready", volume: written, node: aCandidate("node-a", { health: "not-ready" }) },
      { because: "silent", volume: written, node: aCandidate("node-a", { health: "silent" }) },
      { because: "another VM now", volume: written, node: aCandidate("node-a", { vmId: "newer" }) },
      { because: "being fenced", volume: { ...written, barred: [identity("node-a")] }, node: a },
    ] as const;
    for (const { because, volume, node } of rows)
      assert.deepEqual(
        scoreNodes({ volumes: [volume], findNode: among(node, b) }),
        new Map([["node-b", 5]]),
        because,
      );
  });

  it("scores nothing for an attachment that would not spare the pod an attach", () => {
    const attachedAs = (overrides: Parameters<typeof aReplicaNode>[1]) =>
      aPodVolume({ attachments: new Map([["node-a", aReplicaNode("node-a", overrides)]]) });
    const rows = [
      { because: "still being attached", volume: attachedAs({ isAttached: false }), node: a },
      { because: "attached to an earlier VM of that name", volume: attachedAs({ vmId: "older" }), node: a },
      { because: "attached to an unknown VM", volume: attachedAs({ vmId: undefined }), node: a },
      { because: "fenced", volume: { ...attachedTo("node-a"), barred: [identity("node-a")] }, node: a },
      {
        because: "a plug-in that is not ready",
        volume: attachedTo("node-a"),
        node: aCandidate("node-a", { health: "not-ready" }),
      },
      {
        because: "a silent plug-in",
        volume: attachedTo("node-a"),
        node: aCandidate("node-a", { health: "silent" }),
      },
      { because: "no plug-in at all", volume: attachedTo("node-a"), node: b },
    ];
    for (const { because, volume, node } of rows)
      assert.deepEqual(scoreNodes({ volumes: [volume], findNode: among(node) }), new Map(), because);
  });

  it("compares VM ids as Azure does, without case", () => {
    const volume = aPodVolume({
      attachments: new Map([["node-a", aReplicaNode("node-a", { vmId: a.vmId.toUpperCase() })]]),
    });
    assert.deepEqual(scoreNodes({ volumes: [volume], findNode: among(a) }), new Map([["node-a", 5]]));
  });

  // It does not favour what the filter would remove.
  it("scores writers' nodes in the upper half, with the maximum only for all volumes", () => {
    fc.assert(
      fc.property(arbitraryPlacement(), ({ nodes, volumes }) => {
        const known = nodes.filter((node) => node !== undefined);
        for (const [nodeName, score] of scoreNodes({ volumes, findNode: among(...known) })) {
          assert.ok(Number.isInteger(score) && score >= 1 && score <= SCORE_MAX);
          if (score === SCORE_MAX)
            assert.ok(volumes.every(({ attachments }) => attachments.get(nodeName)?.isAttached === true));
          const node = known.find((candidate) => candidate.nodeName === nodeName);
          assert.ok(node !== undefined);
          const isWriters = volumes.some((volume) => {
            const attachment = volume.attachments.get(nodeName);
            return (
              isAttachedTo(attachment, node) &&
              !isBarred(volume, node) &&
              isWritersNode(volume, attachment, node)
            );
          });
          assert.equal(score > SCORE_MAX / 2, isWriters);
          const reason = filterNodes([node, aCandidate("node-well", { volumesMax: 1_000 })], volumes).get(0);
          assert.ok(reason !== "no-plug-in" && reason !== "silent" && reason !== "not-ready");
        }
      }),
    );
  });
});
