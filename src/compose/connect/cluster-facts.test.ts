import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aCoreCluster, DRIVER } from "../../adapters/kubernetes/testing/core-cluster.ts";
import { diskOf, putUse } from "../../adapters/kubernetes/testing/core-objects.ts";
import { systemRandom } from "../../adapters/system/system-random.ts";
import { createVirtualClock } from "../../adapters/virtual/virtual-clock.ts";
import { silentLogger } from "../../ports/testing/silent-logger.ts";
import { followCluster } from "./cluster-facts.ts";

const never = new AbortController().signal;
const asked = (disk: string): { readonly nodeName: string; readonly volumeId: string } => ({
  nodeName: "node-a",
  volumeId: diskOf(disk),
});

function aNodeWithPods(): {
  readonly cluster: ReturnType<typeof aCoreCluster>;
  readonly clock: ReturnType<typeof createVirtualClock>;
  readonly users: ReturnType<typeof followCluster>["users"];
} {
  const cluster = aCoreCluster();
  for (const name of ["data-3", "data-7", "log"]) putUse(cluster, name, `pod-${name}`);
  const clock = createVirtualClock();
  const { users } = followCluster(cluster.client, DRIVER, {
    clock,
    random: systemRandom,
    logger: silentLogger,
  });
  return { cluster, clock, users };
}

describe("pods of a node, read past every cache", () => {
  it("are read once for all disks that one update of its VM detaches", async () => {
    const { cluster, clock, users } = aNodeWithPods();
    const disks = Array.from({ length: 10 }, (_, index) => `data-${index}`);
    const answers = Promise.all(disks.map((disk) => users.on(asked(disk), never)));
    await clock.advance(0);
    const used = disks.filter((disk) => disk === "data-3" || disk === "data-7");
    const uses = (await answers).map(({ kind }) => kind);
    assert.deepEqual(
      disks.filter((_, index) => uses[index] === "used"),
      used,
    );
    // The pods, and a claim and a PersistentVolume for each of three; ten reads would be 70 calls.
    assert.equal(cluster.requests.length, 7);
  });

  it("are read again for a question that came after the read began", async () => {
    const { cluster, clock, users } = aNodeWithPods();
    const first = users.on(asked("late"), never);
    await clock.advance(0);
    // Whether or not that read has ended: it has listed the pods.
    assert.equal(cluster.requests[0], "GET /api/v1/pods");
    putUse(cluster, "late", "pod-late");
    const second = users.on(asked("late"), never);
    await clock.advance(0);
    assert.deepEqual(
      [await first, await second].map(({ kind }) => kind),
      ["unused", "used"],
    );
  });

  it("fail as cancelled for a caller that has given up, and for no other", async () => {
    const { clock, users } = aNodeWithPods();
    const given = new AbortController();
    const answers = Promise.all([users.on(asked("log"), given.signal), users.on(asked("log"), never)]);
    given.abort();
    await clock.advance(0);
    assert.deepEqual(await answers, [
      { kind: "unknown", because: "Cancelled" },
      { kind: "used", users: ["pod default/pod-log"] },
    ]);
  });
});
