import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aVolumeWithRecord, aWriter, diskUri, identity } from "../../core/testing/objects.ts";
import { type ReconcileWorld, withControllerPorts } from "../testing/a-controller.ts";
import { releaseCheck } from "./release-check.ts";

const never = new AbortController().signal;
const a = identity("node-a");
const request = { volumeName: "pvc-1", volumeId: diskUri, node: a };
const holder = aWriter("node-a");
const unrequested = aWriter("node-a", { requested: false });
const used = { kind: "used", users: ["default/pod-1"] } as const;

async function withWriter(
  writer: typeof holder,
  act: (world: ReconcileWorld) => Promise<void>,
): Promise<void> {
  await withControllerPorts(async (world) => {
    await world.given("AzVolume", aVolumeWithRecord({ writer }));
    await act(world);
  });
}

async function kindOf(result: ReturnType<typeof releaseCheck>): Promise<string> {
  const answer = await result;
  return answer.ok ? answer.value.kind : answer.failure.kind;
}

describe("releaseCheck", () => {
  it("withdraws the request of a holder without users, and leaves it to be recalled", () =>
    withWriter(holder, async (world) => {
      assert.equal(await kindOf(releaseCheck(world.ports, request, never)), "unused");
      assert.deepEqual(world.record()?.writer, unrequested);
    }));

  it("leaves a writer that holds nothing to the plan", () =>
    withWriter({ ...holder, held: false }, async (world) => {
      assert.equal(await kindOf(releaseCheck(world.ports, request, never)), "unused");
      assert.deepEqual(world.record()?.writer, { ...unrequested, held: false });
    }));

  for (const use of [used, { kind: "unknown" } as const]) {
    it(`writes nothing while use is ${use.kind}`, () =>
      withWriter(holder, async (world) => {
        world.use = use;
        const commits = world.commits.length;
        assert.deepEqual(await releaseCheck(world.ports, request, never), {
          ok: true,
          value: { kind: "stillUsed", use },
        });
        assert.equal(world.commits.length, commits);
      }));

    it(`renews the request where use is found ${use.kind} once the request is withdrawn`, () =>
      withWriter(holder, async (world) => {
        world.during.users = () => {
          world.during.users = () => {
            world.use = use;
            return Promise.resolve();
          };
          return Promise.resolve();
        };
        assert.deepEqual(await releaseCheck(world.ports, request, never), {
          ok: true,
          value: { kind: "stillUsed", use },
        });
        assert.deepEqual(world.record()?.writer, holder);
        assert.equal(world.asked, 2);
      }));
  }

  it("has withdrawn the request before its decisive check for users", () =>
    withWriter(holder, async (world) => {
      const requested: unknown[] = [];
      const look = (): Promise<void> => {
        requested.push(world.record()?.writer?.requested);
        world.during.users = look;
        return Promise.resolve();
      };
      world.during.users = look;
      await releaseCheck(world.ports, request, never);
      assert.deepEqual(requested, [true, false]);
    }));

  for (const [whose, writer] of [
    ["requested again", holder],
    ["another node's", aWriter("node-b", { requested: false })],
  ] as const)
    it(`ends without a change where the volume is ${whose} after the withdrawal`, () =>
      withWriter(holder, async (world) => {
        const { store } = world.ports;
        const updateStatus: typeof store.updateStatus = async (...args) => {
          const withdrawn = await store.updateStatus(...args);
          await world.setRecord((record) => ({ ...record, writer }));
          return withdrawn;
        };
        const ports = { ...world.ports, store: { ...store, updateStatus } };
        assert.equal(await kindOf(releaseCheck(ports, request, never)), "stillUsed");
        assert.deepEqual(world.record()?.writer, writer);
      }));

  it("renews a request that another controller has withdrawn before it died", () =>
    withWriter(unrequested, async (world) => {
      world.use = used;
      await releaseCheck(world.ports, request, never);
      assert.deepEqual(world.record()?.writer, holder);
    }));

  it("checks no further where the volume was released or has another writer by now", () =>
    withWriter(aWriter("node-b"), async (world) => {
      assert.equal(await kindOf(releaseCheck(world.ports, request, never)), "stillUsed");
      assert.deepEqual(world.record()?.writer, aWriter("node-b"));
    }));
});

describe("releaseCheck before a fence", () => {
  it("begins the fence only on the version of the check", () =>
    withWriter(unrequested, async (world) => {
      world.during.users = () => {
        world.during.users = () => world.setRecord((record) => ({ ...record, writer: holder }));
        return Promise.resolve();
      };
      assert.equal(
        await kindOf(releaseCheck(world.ports, { ...request, fences: true }, never)),
        "ObjectConflict",
      );
      assert.equal(world.record()?.fencing, undefined);
      await world.setRecord((record) => ({ ...record, writer: unrequested }));
      assert.equal(await kindOf(releaseCheck(world.ports, { ...request, fences: true }, never)), "unused");
      assert.deepEqual(world.record()?.fencing, a);
    }));
});
