import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ok } from "../../core/failure/result.ts";
import { aWriter } from "../../core/testing/objects.ts";
import { must } from "../../core/testing/value-of.ts";
import { type NodeWorld, withNode } from "../testing/a-node.ts";
import { answerRecall, unmountUnderRecall } from "./answer-recall.ts";

const never = new AbortController().signal;
const answer = { id: "recall-1", published: ["/pods/1"], majorMinor: undefined, unmounting: false };
const ownAttachment = (world: NodeWorld) => world.attachment() ?? assert.fail("pvc-1 has no attachment");
const give = (world: NodeWorld, changed: Partial<typeof answer> = {}) =>
  must(world.answerOf(answerRecall(world.ports(), ownAttachment(world), { ...answer, ...changed }, never)));
const version = (world: NodeWorld) => ownAttachment(world).metadata.resourceVersion;

describe("answerRecall", () => {
  for (const changed of [
    { id: "recall-2" },
    { published: [] },
    { published: ["/pods/1", "/pods/2"] },
    { unmounting: true },
  ])
    it(`writes a change at once: ${Object.keys(changed).join(", ")} ${JSON.stringify(changed)}`, () =>
      withNode({ writer: aWriter("node-a", { requested: false }) }, async (world) => {
        await give(world);
        const before = version(world);
        await give(world, changed);
        assert.notEqual(version(world), before);
      }));

  it("names as many targets as the object has room for, and counts the rest", () =>
    withNode({ writer: aWriter("node-a", { requested: false }) }, async (world) => {
      await give(world, { published: Array.from({ length: 300 }, (_, index) => `/pods/${index}`) });
      const { published = [] } = ownAttachment(world).status?.recall ?? {};
      assert.deepEqual([published.length, published[0], published.at(-1)], [16, "/pods/0", "285 more"]);
    }));

  it("writes nothing without a change, so that a stalled unmount is noticed", () =>
    withNode({ writer: aWriter("node-a", { requested: false }) }, async (world) => {
      await give(world);
      const before = version(world);
      await world.clock.advance(3_600_000);
      await give(world);
      assert.equal(version(world), before);
    }));
});

describe("unmountUnderRecall", () => {
  const recalled = (world: NodeWorld) => ({
    attachment: ownAttachment(world),
    recallId: "recall-1",
    majorMinor: undefined,
  });

  it("reports its progress at once and every five seconds until the unmount has ended", () =>
    withNode({ writer: aWriter("node-a", { requested: false }) }, async (world) => {
      const unmount = async () => ok(await world.clock.sleep(12_000, never));
      assert.deepEqual(
        await world.answerOf(unmountUnderRecall(world.ports(), recalled(world), unmount, never)),
        ok(undefined),
      );
      assert.deepEqual(world.steps, ["answer-recall", "answer-recall", "answer-recall"]);
      const { id, published, unmounting } = ownAttachment(world).status?.recall ?? {};
      assert.deepEqual({ id, published, unmounting }, { id: "recall-1", published: [], unmounting: true });
      await world.clock.advance(60_000);
      assert.equal(world.steps.length, 3);
    }));

  it("answers a recall that has replaced the one it began with", () =>
    withNode({ writer: aWriter("node-a", { requested: false }) }, async (world) => {
      const recallAs = (id: string) =>
        world.setAttachment(({ spec, ...attachment }) => ({
          ...attachment,
          spec: { ...spec, recall: { id, since: "2026-01-01T00:00:00.000Z" } },
        }));
      const unmount = async () => {
        await world.clock.sleep(1_000, never);
        await recallAs("recall-2");
        return ok(await world.clock.sleep(12_000, never));
      };
      await recallAs("recall-1");
      await world.answerOf(unmountUnderRecall(world.ports(), recalled(world), unmount, never));
      assert.equal(ownAttachment(world).status?.recall?.id, "recall-2");
    }));

  it("unmounts where there is no recall to answer", () =>
    withNode({ writer: aWriter("node-a", { requested: false }) }, async (world) => {
      const unmount = async () => ok(undefined);
      for (const left of [{ attachment: undefined }, { recallId: undefined }])
        assert.deepEqual(
          await world.answerOf(
            unmountUnderRecall(world.ports(), { ...recalled(world), ...left }, unmount, never),
          ),
          ok(undefined),
        );
      assert.deepEqual(world.steps, []);
    }));
});
