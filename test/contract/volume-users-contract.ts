import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { VolumeUse } from "../../src/core/schedule/volume-use.ts";
import type { VolumeUsers } from "../../src/ports/cluster/volume-users.ts";

/** The suite's own orchestrator, and what the adapter under test reports about it. */
export interface VolumeUsersWorld {
  readonly users: VolumeUsers;
  /** Creates a node, or changes its state. The name is the world's own. */
  setNode(
    nodeName: string,
    node: { readonly isOutOfService?: boolean; readonly isUnschedulable?: boolean },
  ): Promise<void>;
  /** A workload on a node begins to use a volume. */
  beginUse(use: {
    readonly nodeName: string;
    readonly volumeId: string;
    readonly user: string;
  }): Promise<void>;
  /**
   * Its end is requested: it still exists and uses the volume. Undefined where the orchestrator has no such
   * state.
   */
  readonly beginEnd: ((user: string) => Promise<void>) | undefined;
  /** It has ended. */
  endUse(user: string): Promise<void>;
  /** Waits until `holds`, which reads the cache. Throws if it does not in time. */
  untilCached(what: string, holds: () => boolean): Promise<void>;
  /** From now on the orchestrator does not respond. */
  cutOff(): Promise<void>;
  /** How a user is named. */
  nameOf(user: string): string;
  close(): Promise<void>;
}

const never = new AbortController().signal;

/** The behaviour of every adapter of `VolumeUsers`. Each test has its own world. */
export function volumeUsersContract(
  name: string,
  openWorld: () => Promise<VolumeUsersWorld>,
  { timeoutMs = 10_000 }: { readonly timeoutMs?: number } = {},
): void {
  const volumeId = "/subscriptions/sub-1/resourceGroups/rg-1/providers/Microsoft.Compute/disks/data";
  const otherId = `${volumeId}-2`;
  const inWorld = (test: (world: VolumeUsersWorld) => Promise<void>) => async (): Promise<void> => {
    const world = await openWorld();
    try {
      await test(world);
    } finally {
      await world.close();
    }
  };
  const usedBy = (world: VolumeUsersWorld, ...users: readonly string[]): VolumeUse => ({
    kind: "used",
    users: users.map((user) => world.nameOf(user)).toSorted(),
  });

  describe(`volume users: ${name}`, () => {
    it(
      "names a volume's users on a node, uncached and cached, in any case of its URI",
      { timeout: timeoutMs },
      inWorld(async (world) => {
        const { users } = world;
        for (const nodeName of ["node-a", "node-b"]) await world.setNode(nodeName, {});
        await world.beginUse({ nodeName: "node-a", volumeId: volumeId.toUpperCase(), user: "writer" });
        await world.beginUse({ nodeName: "node-a", volumeId: otherId, user: "other" });
        const rows: readonly (readonly [string, string, VolumeUse])[] = [
          ["node-a", volumeId, usedBy(world, "writer")],
          ["node-a", otherId, usedBy(world, "other")],
          ["node-b", volumeId, { kind: "unused" }],
          ["node-a", `${volumeId}-3`, { kind: "unused" }],
        ];
        for (const [nodeName, asked, use] of rows) {
          assert.deepEqual(
            await users.on({ nodeName, volumeId: asked }, never),
            use,
            `${asked} on ${nodeName}`,
          );
          await world.untilCached(
            `${asked} on ${nodeName}`,
            () => users.cachedOn({ nodeName, volumeId: asked }).kind === use.kind,
          );
          assert.deepEqual(users.cachedOn({ nodeName, volumeId: asked }), use);
        }
      }),
    );

    it(
      "bypasses every cache for users that have just begun or ended",
      { timeout: timeoutMs },
      inWorld(async (world) => {
        const { users } = world;
        await world.setNode("node-a", {});
        const asked = { nodeName: "node-a", volumeId };
        for (let round = 1; round <= 5; round += 1) {
          await world.beginUse({ ...asked, user: `writer-${round}` });
          assert.deepEqual(await users.on(asked, never), usedBy(world, `writer-${round}`));
          await world.endUse(`writer-${round}`);
          assert.deepEqual(await users.on(asked, never), { kind: "unused" });
        }
      }),
    );

    it(
      "counts a user until it is gone, even after its end is requested",
      { timeout: timeoutMs },
      inWorld(async (world) => {
        const { users, beginEnd } = world;
        if (beginEnd === undefined) return;
        await world.setNode("node-a", {});
        const asked = { nodeName: "node-a", volumeId };
        await world.beginUse({ ...asked, user: "writer" });
        await beginEnd("writer");
        assert.equal((await users.on(asked, never)).kind, "used");
        await world.untilCached("the user", () => users.cachedOn(asked).kind === "used");
        await world.endUse("writer");
        await world.untilCached("its end", () => users.cachedOn(asked).kind === "unused");
        assert.deepEqual(await users.on(asked, never), { kind: "unused" });
      }),
    );

    it(
      "reports a node only as it was marked",
      { timeout: timeoutMs },
      inWorld(async (world) => {
        const { users } = world;
        await world.setNode("node-a", {});
        await world.setNode("node-b", { isOutOfService: true, isUnschedulable: true });
        assert.deepEqual(
          await Promise.all(
            ["node-a", "node-b", "node-c"].map((nodeName) => users.isOutOfService(nodeName, never)),
          ),
          [false, true, false],
        );
        assert.deepEqual(
          await Promise.all(
            ["node-a", "node-b", "node-c"].map((nodeName) => users.isUnschedulable(nodeName, never)),
          ),
          [false, true, false],
        );
        await world.untilCached(
          "the marks",
          () => users.cachedNode("node-b").isOutOfService && users.cachedNode("node-b").isUnschedulable,
        );
        await world.setNode("node-b", {});
        assert.equal(await users.isOutOfService("node-b", never), false);
        assert.equal(await users.isUnschedulable("node-b", never), false);
        await world.untilCached(
          "that they are gone",
          () => !users.cachedNode("node-b").isOutOfService && !users.cachedNode("node-b").isUnschedulable,
        );
        const { isOutOfService, isUnschedulable } = users.cachedNode("node-c");
        assert.deepEqual([isOutOfService, isUnschedulable], [false, false]);
      }),
    );

    it(
      "reports each node that has changed",
      { timeout: timeoutMs },
      inWorld(async (world) => {
        const { users } = world;
        const told = new Set<string>();
        users.onChange((nodeName) => told.add(nodeName));
        const isReported = async (nodeName: string): Promise<void> => {
          await world.untilCached(`news of ${nodeName}`, () => told.has(nodeName));
          told.clear();
        };
        await world.setNode("node-a", {});
        await isReported("node-a");
        await world.beginUse({ nodeName: "node-a", volumeId, user: "writer" });
        await isReported("node-a");
        await world.endUse("writer");
        await isReported("node-a");
        await world.setNode("node-b", { isOutOfService: true });
        await isReported("node-b");
      }),
    );

    it(
      "calls no volume unused and no node out of service while queries fail",
      { timeout: timeoutMs },
      inWorld(async (world) => {
        const { users } = world;
        await world.setNode("node-a", { isOutOfService: true });
        await world.cutOff();
        assert.equal((await users.on({ nodeName: "node-a", volumeId }, never)).kind, "unknown");
        assert.equal(await users.isOutOfService("node-a", never), false);
      }),
    );
  });
}
