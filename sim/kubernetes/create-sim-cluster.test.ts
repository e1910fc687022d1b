import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type TestCluster, withCluster, workload } from "./testing/a-cluster.ts";

const { volumeName } = workload;

/** A running pod, on its node. */
async function started(test: TestCluster): Promise<string> {
  test.cluster.apply(workload);
  await test.untilRunning();
  test.forget();
  return test.cluster.pods()[0]?.nodeName ?? "";
}

/** A running pod, and another node to which its next one must go. */
async function startedWithOther(test: TestCluster): Promise<{ readonly from: string; readonly to: string }> {
  const from = await started(test);
  const [to = "", third = ""] = ["node-a", "node-b", "node-c"].filter((name) => name !== from);
  test.cluster.setUnschedulable(third, true);
  return { from, to };
}

/** A refused call has been answered, and the kubelet does not repeat it yet. */
const CALL_ENDED_MS = 100;

const seconds = (test: TestCluster): number => Math.round(test.clock.elapsedMs() / 1000);

describe("a simulated Kubernetes", () => {
  it("calls CSI in order before a container runs, and undoes all of it in turn", () =>
    withCluster(async (test) => {
      test.cluster.apply(workload);
      await test.untilRunning();
      const nodeName = test.cluster.pods()[0]?.nodeName ?? "";
      assert.deepEqual(test.calls, [
        "create",
        `${nodeName} publish to`,
        `${nodeName} stage`,
        `${nodeName} publish`,
      ]);
      assert.deepEqual(test.cluster.unfinished(), []);
      test.forget();
      test.cluster.deleteWorkload(volumeName);
      await test.until("nothing is left", () => test.cluster.unfinished().length === 0);
      assert.deepEqual(test.calls, [
        `${nodeName} unpublish`,
        `${nodeName} unstage`,
        `${nodeName} unpublish from`,
        "delete",
      ]);
      assert.deepEqual(
        [test.cluster.pods(), test.cluster.volumeAttachments(), test.cluster.diskUriOf(volumeName)],
        [[], [], undefined],
      );
    }));

  it("leaves a pod without a node while the extender names none", () => {
    let offered: readonly string[] = [];
    return withCluster(
      async (test) => {
        test.cluster.apply(workload);
        await test.clock.advance(60_000);
        assert.deepEqual(
          [test.cluster.pods().map(({ nodeName }) => nodeName), test.calls],
          [[undefined], []],
        );
        offered = ["node-b"];
        test.cluster.setUnschedulable("node-c", true);
        await test.untilRunning("node-b");
      },
      { rankNodes: () => offered.map((nodeName) => ({ nodeName, score: 0 })) },
    );
  });

  it("moves a pod off a drained node in 4 to 25 s, and attaches elsewhere after that", () =>
    withCluster(async (test) => {
      const { from, to } = await startedWithOther(test);
      const startedSeconds = seconds(test);
      test.cluster.drain(from);
      await test.untilRunning(to);
      const order = [
        `${from} unpublish`,
        `${from} unstage`,
        `${from} unpublish from`,
        `${to} publish to`,
        `${to} stage`,
        `${to} publish`,
      ];
      assert.deepEqual(test.calls, order);
      assert.equal(test.cluster.failovers(), 1);
      const took = seconds(test) - startedSeconds;
      assert.ok(took >= 4 && took <= 25, `${took} s`);
    }));

  it("stages on the next node before the last one has unstaged if nothing attaches", () =>
    withCluster(
      async (test) => {
        const { from, to } = await startedWithOther(test);
        const letGo = test.holdCall(`${from} unstage`);
        test.cluster.drain(from);
        await test.untilRunning(to);
        assert.deepEqual(test.calls, [
          `${from} unpublish`,
          `${from} unstage`,
          `${to} stage`,
          `${to} publish`,
        ]);
        assert.deepEqual(test.cluster.volumeAttachments(), []);
        letGo();
      },
      { attach: "driver" },
    ));

  it("freezes with its machine, and keeps its evicted pods in the API", () =>
    withCluster(
      async (test) => {
        const { from, to } = await startedWithOther(test);
        test.machine(from).freeze();
        await test.until("the node is not ready", () =>
          test.cluster.nodes().some(({ name, isReady }) => name === from && !isReady),
        );
        await test.clock.advance(300_000);
        assert.deepEqual(
          test.cluster.pods().map(({ nodeName, isDeleted }) => ({ nodeName, isDeleted })),
          [{ nodeName: from, isDeleted: true }],
        );
        assert.deepEqual(test.calls, []);
        assert.equal(test.cluster.containersOn(from).length, 1);
        test.machine(from).thaw();
        await test.untilRunning(to);
        assert.deepEqual(test.calls.slice(0, 3), [
          `${from} unpublish`,
          `${from} unstage`,
          `${from} unpublish from`,
        ]);
      },
      { tolerationMs: 60_000 },
    ));

  it("detaches from a node that is not ready six minutes after a forced pod deletion", () =>
    withCluster(async (test) => {
      const { from, to } = await startedWithOther(test);
      test.machine(from).freeze();
      await test.until("the node is not ready", () =>
        test.cluster.nodes().some(({ name, isReady }) => name === from && !isReady),
      );
      const deletedSeconds = seconds(test);
      test.cluster.deletePod(volumeName, { isForced: true });
      await test.until("the volume is unpublished", () => test.calls.includes(`${from} unpublish from`));
      const waited = seconds(test) - deletedSeconds;
      assert.ok(waited >= 360 && waited < 365, `${waited} s`);
      await test.untilRunning(to);
      assert.deepEqual(test.calls, [
        `${from} unpublish from`,
        `${to} publish to`,
        `${to} stage`,
        `${to} publish`,
      ]);
    }));

  it("detaches at once if the node is marked out of service; the container ends later", () =>
    withCluster(async (test) => {
      const { from, to } = await startedWithOther(test);
      test.machine(from).freeze();
      const markedSeconds = seconds(test);
      test.cluster.setOutOfService(from, true);
      test.cluster.deletePod(volumeName, { isForced: true });
      await test.untilRunning(to);
      assert.ok(seconds(test) - markedSeconds <= 15);
      assert.deepEqual(test.calls, [
        `${from} unpublish from`,
        `${to} publish to`,
        `${to} stage`,
        `${to} publish`,
      ]);
      assert.deepEqual(
        test.cluster.containersOn(from).map(({ isInApi }) => isInApi),
        [false],
      );
      test.forget();
      test.machine(from).thaw();
      await test.until("the old node has cleaned up", () => test.calls.length === 2);
      assert.deepEqual(test.calls, [`${from} unpublish`, `${from} unstage`]);
      assert.deepEqual(test.cluster.containersOn(from), []);
    }));

  it("collects the pods of a node that is out of service and not ready", () =>
    withCluster(async (test) => {
      const { from, to } = await startedWithOther(test);
      test.machine(from).freeze();
      const markedSeconds = seconds(test);
      test.cluster.setOutOfService(from, true);
      await test.untilRunning(to);
      const took = seconds(test) - markedSeconds;
      assert.ok(took >= 45 && took <= 100, `${took} s`);
    }));

  it("stages and publishes again after a kubelet's restart, while containers run", () =>
    withCluster(async (test) => {
      const from = await started(test);
      const [before] = test.cluster.containersOn(from);
      test.cluster.setKubeletRunning(from, false);
      await test.clock.advance(20_000);
      assert.deepEqual(test.calls, []);
      test.cluster.setKubeletRunning(from, true);
      await test.until("it has published again", () => test.calls.length === 2);
      assert.deepEqual(test.calls, [`${from} stage`, `${from} publish`]);
      assert.deepEqual(test.cluster.containersOn(from), [before]);
    }));

  it("ends a container whose pod was deleted while the kubelet was down, then unmounts", () =>
    withCluster(async (test) => {
      const { from } = await startedWithOther(test);
      test.cluster.setKubeletRunning(from, false);
      test.cluster.setOutOfService(from, true);
      test.cluster.deletePod(volumeName, { isForced: true });
      await test.clock.advance(5_000);
      test.forget();
      test.cluster.setKubeletRunning(from, true);
      await test.until("it has cleaned up", () => test.calls.includes(`${from} unstage`));
      assert.deepEqual(
        test.calls.filter((call) => call.startsWith(from)),
        [`${from} unpublish`, `${from} unstage`],
      );
      assert.deepEqual(test.cluster.containersOn(from), []);
    }));

  it("never unstages for a kubelet that dies between unpublish and unstage", () =>
    withCluster(async (test) => {
      const { from, to } = await startedWithOther(test);
      test.refuse(`${from} unstage`, { code: "UNAVAILABLE" });
      test.cluster.deletePod(volumeName, { isForced: false });
      await test.until("it has tried to unstage", () => test.calls.includes(`${from} unstage`));
      await test.clock.advance(CALL_ENDED_MS);
      test.cluster.setKubeletRunning(from, false);
      test.forget();
      test.cluster.setKubeletRunning(from, true);
      await test.untilRunning(to);
      assert.deepEqual(test.calls, [
        `${from} unpublish from`,
        `${to} publish to`,
        `${to} stage`,
        `${to} publish`,
      ]);
    }));

  // test/cluster/faults-of-the-api.test.ts shows it on a real cluster.
  it("ends the later of two pods once kubelets are started after a restore of etcd", () =>
    withCluster(async (test) => {
      const { from, to } = await startedWithOther(test);
      const [first] = test.cluster.pods();
      const restore = test.cluster.backUp();
      test.cluster.drain(from);
      await test.untilRunning(to);
      await test.until("it is detached from there", () => test.cluster.unfinished().length === 0);
      test.forget();
      restore();
      await test.clock.advance(30_000);
      assert.deepEqual([test.cluster.pods(), test.calls], [[first], []]);
      assert.equal(test.cluster.containersOn(to).length, 1);
      for (const nodeName of [from, to]) {
        test.cluster.setKubeletRunning(nodeName, false);
        test.cluster.setKubeletRunning(nodeName, true);
      }
      await test.until("the first one runs", () => test.cluster.containersOn(from).length === 1);
      await test.until("the later one has ended", () => test.calls.includes(`${to} unstage`));
      assert.deepEqual(
        test.calls.filter((call) => call.startsWith(to)),
        [`${to} unpublish`, `${to} unstage`],
      );
      assert.deepEqual(test.cluster.unfinished(), []);
    }));

  it("restarts a pod's container after a reboot, on a volume that is staged again", () =>
    withCluster(async (test) => {
      const from = await started(test);
      test.machine(from).reboot();
      assert.deepEqual(test.cluster.containersOn(from), []);
      await test.until("a container", () => test.cluster.containersOn(from).length === 1);
      await test.until("at rest", () => test.cluster.unfinished().length === 0);
      assert.deepEqual(test.calls, [`${from} stage`, `${from} publish`]);
    }));

  it("backs off after errors of a node, and unstages only if it may have staged", () =>
    withCluster(async (test) => {
      for (const name of ["node-a", "node-b", "node-c"])
        test.refuse(`${name} stage`, { code: "UNAVAILABLE" }, { code: "ABORTED" }, { code: "UNAVAILABLE" });
      test.cluster.apply(workload);
      await test.until("a first stage", () => test.calls.some((call) => call.endsWith(" stage")));
      const firstMs = test.clock.elapsedMs();
      await test.untilRunning();
      const passedMs = test.clock.elapsedMs() - firstMs;
      assert.ok(passedMs >= 3_500 && passedMs < 4_800, `${passedMs} ms`);
    }));

  it("stages again for a pod that comes after a failed unstage", () =>
    withCluster(async (test) => {
      const from = await started(test);
      test.refuse(`${from} unstage`, ...Array.from({ length: 8 }, () => ({ code: "UNAVAILABLE" })));
      for (const name of ["node-a", "node-b", "node-c"])
        if (name !== from) test.cluster.setUnschedulable(name, true);
      test.cluster.deletePod(volumeName, { isForced: false });
      await test.until("a first unstage", () => test.calls.includes(`${from} unstage`));
      test.forget();
      await test.until("another publish", () => test.calls.includes(`${from} publish`));
      assert.deepEqual(
        test.calls.filter((call) => !call.endsWith("unstage")),
        [`${from} stage`, `${from} publish`],
      );
    }));

  for (const { code, calls } of [
    { code: "FAILED_PRECONDITION", calls: [] },
    { code: "UNAVAILABLE", calls: ["unstage"] },
  ]) {
    it(
      `ends a pod whose stage answered ${code} with ` +
        `${calls.length === 0 ? "no call" : calls.join(" and ")}`,
      () =>
        withCluster(async (test) => {
          for (const name of ["node-a", "node-b", "node-c"])
            test.refuse(`${name} stage`, ...Array.from({ length: 4 }, () => ({ code })));
          test.cluster.apply(workload);
          await test.until("a first stage", () => test.calls.some((call) => call.endsWith(" stage")));
          await test.clock.advance(100);
          const nodeName = test.cluster.pods()[0]?.nodeName ?? "";
          test.forget();
          test.cluster.scale(volumeName, 0);
          await test.until("nothing is left", () => test.cluster.unfinished().length === 0);
          assert.deepEqual(
            test.calls.filter((call) => call !== `${nodeName} unpublish from`),
            calls.map((call) => `${nodeName} ${call}`),
          );
        }),
    );
  }

  it("repeats calls after errors of the controller, every half minute at least", () =>
    withCluster(async (test) => {
      const { from, to } = await startedWithOther(test);
      test.refuse(
        `${from} unpublish from`,
        ...Array.from({ length: 8 }, () => ({ code: "UNAVAILABLE", message: "not yet" })),
      );
      test.cluster.drain(from);
      await test.untilRunning(to);
      assert.equal(test.calls.filter((call) => call === `${from} unpublish from`).length, 9);
    }));

  it("repeats calls that died with the sidecars, beside those still under way", () =>
    withCluster(async (test) => {
      const { from, to } = await startedWithOther(test);
      const letGo = test.holdCall(`${to} publish to`);
      test.cluster.drain(from);
      await test.until("a publish", () => test.calls.includes(`${to} publish to`));
      test.cluster.restartSidecars();
      await test.until(
        "a second one",
        () => test.calls.filter((call) => call === `${to} publish to`).length === 2,
      );
      letGo();
      await test.untilRunning(to);
    }));

  it("recreates a VolumeAttachment that was deleted while its pod runs", () =>
    withCluster(async (test) => {
      const from = await started(test);
      test.cluster.forgetVolumeAttachment(volumeName);
      await test.clock.advance(70_000);
      assert.deepEqual(test.calls, [`${from} publish to`]);
      assert.deepEqual(
        test.cluster.volumeAttachments().map(({ nodeName, isAttached }) => ({ nodeName, isAttached })),
        [{ nodeName: from, isAttached: true }],
      );
    }));

  it("grows the disk, then its file system; a refused growth is asked for again later", () =>
    withCluster(async (test) => {
      const from = await started(test);
      test.cluster.grow(volumeName, 16);
      await test.until("it has grown", () => test.calls.length === 2);
      assert.deepEqual(test.calls, ["expand", `${from} expand`]);
      test.refuse("expand", { code: "FAILED_PRECONDITION" });
      test.forget();
      test.cluster.grow(volumeName, 32);
      await test.until("it has grown", () => test.calls.length === 3);
      assert.deepEqual(test.calls, ["expand", "expand", `${from} expand`]);
    }));

  for (const { code, isRepeated } of [
    { code: "UNAVAILABLE", isRepeated: true },
    { code: "ABORTED", isRepeated: true },
    { code: "FAILED_PRECONDITION", isRepeated: false },
    { code: "NOT_FOUND", isRepeated: false },
  ])
    it(`${isRepeated ? "repeats" : "gives up"} a lowered size after ${code}`, () =>
      withCluster(async (test) => {
        await started(test);
        test.refuse("expand", { code }, { code }, { code });
        test.cluster.grow(volumeName, 32);
        await test.until("two calls", () => test.calls.length === 2);
        test.cluster.lower(volumeName, 16);
        await test.until("it has grown", () => test.cluster.grantedTo(volumeName) !== undefined);
        assert.equal(test.cluster.sizeOf(volumeName), isRepeated ? 32 : 16);
      }));

  it("repeats a size that was refused once more after the sidecars have died", () =>
    withCluster(async (test) => {
      await started(test);
      test.refuse("expand", { code: "FAILED_PRECONDITION" });
      test.cluster.grow(volumeName, 32);
      await test.until("an answer", () => test.lines.some((line) => line.includes("FAILED_PRECONDITION")));
      test.cluster.restartSidecars();
      test.cluster.lower(volumeName, 16);
      await test.until("it has grown", () => test.cluster.grantedTo(volumeName) !== undefined);
      assert.equal(test.cluster.sizeOf(volumeName), 32);
    }));

  it("asks for a size that was raised during an uncertain call after it", () =>
    withCluster(async (test) => {
      await started(test);
      test.refuse("expand", { code: "UNAVAILABLE" });
      test.cluster.grow(volumeName, 16);
      await test.until("a call", () => test.calls.length === 1);
      test.cluster.grow(volumeName, 32);
      await test.until("it has grown", () => test.cluster.sizeOf(volumeName) === 32);
      assert.equal(test.calls.filter((call) => call === "expand").length, 3);
    }));

  it("takes no size that is not above the present one and below the requested one", () =>
    withCluster(async (test) => {
      await started(test);
      test.refuse("expand", { code: "FAILED_PRECONDITION" }, { code: "FAILED_PRECONDITION" });
      test.cluster.grow(volumeName, 32);
      await test.until("a call", () => test.calls.length === 1);
      for (const sizeGiB of [8, 32, 64]) test.cluster.lower(volumeName, sizeGiB);
      assert.deepEqual(
        test.cluster.workloads().map(({ sizeGiB }) => sizeGiB),
        [32],
      );
    }));

  it("removes a pod whose Node is gone, and registers the Node again", () =>
    withCluster(async (test) => {
      const from = await started(test);
      test.cluster.setKubeletReachable(from, false);
      test.cluster.deleteNode(from);
      await test.until("another pod", () =>
        test.cluster.pods().some(({ nodeName, isReady }) => nodeName !== from && isReady),
      );
      assert.ok(test.calls.includes(`${from} unpublish from`));
      test.cluster.setKubeletReachable(from, true);
      await test.until("its Node", () => test.cluster.nodes().some(({ name }) => name === from));
    }));

  for (const [version, forgetsDeletedNodes, secondsMin, secondsMax] of [
    ["1.37", undefined, 360, 420],
    ["1.38", true, 0, 60],
  ] as const)
    it(`detaches from a deleted Node whose kubelet is silent as Kubernetes ${version} does`, () =>
      withCluster(
        async (test) => {
          const from = await started(test);
          test.machine(from).freeze();
          const deletedSeconds = seconds(test);
          test.cluster.deleteNode(from);
          await test.until("the volume is unpublished", () => test.calls.includes(`${from} unpublish from`));
          const waited = seconds(test) - deletedSeconds;
          assert.ok(waited >= secondsMin && waited < secondsMax, `${waited} s`);
        },
        { forgetsDeletedNodes },
      ));

  it("delays a driver process' view, and answers its direct reads from the present", () =>
    withCluster(async (test) => {
      const lifetime = new AbortController();
      const connection = test.cluster.connect({ processName: "controller-1", lifetime: lifetime.signal });
      const [users, volumes] = [connection.users(), connection.volumes()];
      const from = await started(test);
      await test.clock.advance(200);
      const where = { nodeName: from, volumeId: test.cluster.diskUriOf(volumeName) ?? "" };
      const ask = async <T>(asked: Promise<T>): Promise<T> => {
        await test.clock.advance(50);
        return asked;
      };
      assert.deepEqual(users.cachedOn(where), { kind: "used", users: [`pod default/${volumeName}-0`] });
      test.cluster.holdView("controller-1", true);
      test.cluster.deletePod(volumeName, { isForced: true });
      test.cluster.setUnschedulable(from, true);
      await test.clock.advance(5_000);
      assert.deepEqual(users.cachedOn(where).kind, "used");
      assert.equal(users.cachedNode(from).isUnschedulable, false);
      assert.deepEqual(await ask(users.on(where, lifetime.signal)), { kind: "unused" });
      test.cluster.holdView("controller-1", false);
      await test.clock.advance(200);
      assert.deepEqual(users.cachedOn(where), { kind: "unused" });
      assert.equal(users.cachedNode(from).isUnschedulable, true);
      test.cluster.setApiReachable(false);
      assert.deepEqual(await ask(users.on(where, lifetime.signal)), {
        kind: "unknown",
        because: "the API server does not answer",
      });
      assert.equal(await ask(volumes.nodePresence(from, lifetime.signal)), "unknown");
      lifetime.abort();
    }));

  it("repeats itself with the same seed, and differs with another", async () => {
    const runOf = async (seed: number): Promise<string> => {
      let text = "";
      await withCluster(
        async (test) => {
          const from = await started(test);
          test.cluster.drain(from);
          await test.clock.advance(60_000);
          text = test.lines.join("\n");
        },
        { seed },
      );
      return text;
    };
    assert.equal(await runOf(3), await runOf(3));
    assert.notEqual(await runOf(3), await runOf(4));
  });

  it("costs only a few heartbeats while nothing happens: no part of it polls", () =>
    withCluster(async (test) => {
      await started(test);
      await test.clock.advance(30_000);
      const before = test.wakeUps();
      await test.clock.advance(600_000);
      const perMinute = (test.wakeUps() - before) / 10;
      assert.ok(perMinute < 30, `${perMinute} wake-ups a minute`);
    }));
});
