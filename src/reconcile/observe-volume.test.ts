import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { anAttachment, aReplica, instanceUriOf } from "../core/plan/testing/objects.ts";
import { observeNodes } from "./observe-volume.ts";
import { withControllerPorts } from "./testing/a-controller.ts";
import { aDriverNode } from "./testing/a-driver-node.ts";

const error = { kind: "NoFreeLun", message: "node-a has no slot left", failure: "{}", time: "2026-01-01T00:00:00Z", retries: 1 };

describe("observeNodes", () => {
  it("takes the VM that the orchestrator's node names, whatever the AzDriverNode says", () =>
    withControllerPorts(async (world) => {
      await world.given("AzDriverNode", aDriverNode("node-a", { instanceUri: instanceUriOf("node-b") }));
      const { users } = world.ports;
      const said = { ...users, cachedNode: (nodeName: string) => ({ ...users.cachedNode(nodeName), instanceUri: instanceUriOf("node-a") }) };
      const uris = [users, said].map((asked) => observeNodes({ ...world.ports, users: asked }).map(({ instanceUri }) => instanceUri));
      assert.deepEqual(uris, [[instanceUriOf("node-b")], [instanceUriOf("node-a")]]);
    }));

  for (const { because, attachment, isShort } of [
    {
      because: "a volume that is wanted there was refused",
      attachment: anAttachment("node-a", { status: { state: "AttachmentFailed", error } }),
      isShort: true,
    },
    { because: "it is being tried again", attachment: anAttachment("node-a", { status: { state: "Attaching", error } }), isShort: true },
    { because: "it got its slot", attachment: anAttachment("node-a"), isShort: false },
    { because: "only a standby was refused", attachment: aReplica("node-a", { status: { state: "AttachmentFailed", error } }), isShort: false },
  ]) {
    it(`sees a node ${isShort ? "short of slots" : "with room"} where ${because}: a standby that made room must not take it again`, () =>
      withControllerPorts(async (world) => {
        await world.given("AzDriverNode", aDriverNode("node-a"));
        await world.given("AzVolumeAttachment", attachment);
        assert.deepEqual(
          observeNodes(world.ports).map(({ nodeName, isShortOfSlots }) => [nodeName, isShortOfSlots]),
          [["node-a", isShort]],
        );
      }));
  }
});
