import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aDriverNode } from "../../../src/controller/testing/a-driver-node.ts";
import { instanceUriOf, settings } from "../../../src/core/testing/objects.ts";
import type { SimNode } from "../../kubernetes/sim-cluster.ts";
import { aHistory } from "../testing/a-history.ts";
import { watchPowerOffs } from "./watch-power-offs.ts";

interface Silence {
  /** From its last heartbeat until the request, in milliseconds. Default: it sends them all along. */
  readonly silentMs?: number;
  /** Since its return, in milliseconds. Default: it has not come back. */
  readonly backMs?: number;
  readonly zone?: string;
  readonly markedBy?: "person" | "driver";
}

interface Circumstances {
  readonly silentNodes?: "wait" | "power-off";
  readonly nodes?: Readonly<Record<string, Silence>>;
  readonly isNewsLate?: boolean;
  readonly caller?: string;
}

const BEAT_MS = 5_000;
const BEATS_FROM_MS = 400_000;
const SILENT: Silence = { silentMs: 65_000 };
/** For long enough that every controller has seen it at each look. */
const LONG_SILENT: Silence = { silentMs: 150_000 };
const HEARD: Silence = {};

/** Nodes send heartbeats, and the VM of `node-a` is powered off. */
async function aPowerOff({
  silentNodes = "power-off",
  nodes = { "node-a": SILENT, "node-b": HEARD },
  isNewsLate = false,
  caller = "controller-1",
}: Circumstances): Promise<readonly string[]> {
  const history = aHistory();
  const path = `${instanceUriOf("node-a")}/powerOff`;
  let calls: readonly { sequence: number; atMs: number; path: string; caller: string }[] = [];
  let show: (previous: SimNode | undefined, current: SimNode | undefined) => void = () => undefined;
  const watch = watchPowerOffs(
    {
      ...history,
      azure: { nodeNameAt: () => "node-a" },
      cluster: { onNodeChange: (listener) => void (show = listener) },
      outside: { isNewsLate: () => isNewsLate },
      journal: { since: (sequence) => calls.filter((call) => call.sequence > sequence) },
      elapsedMsAt: (atMs) => atMs,
    },
    { ...settings, silentNodes },
  );
  for (const [name, { markedBy }] of Object.entries(nodes))
    show(
      undefined,
      aNode(name, { isOutOfService: markedBy !== undefined, isMarkedByDriver: markedBy === "driver" }),
    );
  let heartbeat = 0;
  for (let leftMs = BEATS_FROM_MS; leftMs > 0; leftMs -= BEAT_MS) {
    for (const [name, { silentMs = 0, backMs = 0, zone = "1" }] of Object.entries(nodes))
      if (leftMs >= silentMs || leftMs <= backMs)
        history.commit({
          kind: "AzDriverNode",
          name,
          by: name,
          before: undefined,
          after: aDriverNode(name, { zone, heartbeat: heartbeat++ }),
        });
    await history.clock.advance(BEAT_MS);
  }
  calls = [{ sequence: 1, atMs: history.clock.elapsedMs(), path, caller }];
  watch.look();
  return history.violations.map(({ invariant, detail }) => `${invariant}: ${detail}`);
}

function aNode(name: string, changes: Partial<SimNode>): SimNode {
  return {
    name,
    uid: `uid-${name}`,
    instanceUri: instanceUriOf(name),
    isReady: false,
    isUnschedulable: false,
    isOutOfService: false,
    isMarkedByDriver: false,
    volumesMax: undefined,
    ...changes,
  };
}

function reported(why: string): readonly string[] {
  return [`powered-off: controller-1 powered off node-a, ${why}`];
}

describe("watchPowerOffs", () => {
  it("allows that of a node that was silent for the whole time", async () =>
    assert.deepEqual(await aPowerOff({}), []));

  it("allows those of other clients", async () =>
    assert.deepEqual(await aPowerOff({ nodes: { "node-a": HEARD }, caller: "outsider" }), []));

  it("reports one that no setting allows", async () =>
    assert.deepEqual(
      await aPowerOff({ silentNodes: "wait" }),
      reported("though its settings leave that to a person"),
    ));

  it("reports that of a node that was heard lately", async () =>
    assert.deepEqual(
      await aPowerOff({ nodes: { "node-a": { silentMs: 40_000 }, "node-b": HEARD } }),
      reported("which had sent a heartbeat lately"),
    ));

  it("reports one while every node was silent", async () =>
    assert.deepEqual(
      await aPowerOff({ nodes: { "node-a": SILENT, "node-b": { silentMs: 60_000 } } }),
      reported("while no other node was heard"),
    ));

  const half = { "node-a": SILENT, "node-b": SILENT, "node-c": HEARD, "node-d": HEARD };
  it("reports one while half of the nodes were silent", async () =>
    assert.deepEqual(await aPowerOff({ nodes: half }), reported("while half of the nodes were silent")));

  it("allows one where fewer are silent, or it is not sure for how long", async () => {
    assert.deepEqual(await aPowerOff({ nodes: { ...half, "node-e": HEARD } }), []);
    assert.deepEqual(await aPowerOff({ nodes: { ...half, "node-b": { silentMs: 50_000 } } }), []);
    assert.deepEqual(await aPowerOff({ nodes: half, isNewsLate: true }), []);
  });

  it("counts no node that a person has marked, and those that the driver has", async () => {
    assert.deepEqual(
      await aPowerOff({ nodes: { ...half, "node-b": { ...SILENT, markedBy: "person" } } }),
      [],
    );
    assert.deepEqual(
      await aPowerOff({ nodes: { ...half, "node-b": { ...SILENT, markedBy: "driver" } } }),
      reported("while half of the nodes were silent"),
    );
  });

  it("reports one while half of the nodes of the zone were silent", async () =>
    assert.deepEqual(
      await aPowerOff({
        nodes: { "node-a": SILENT, "node-b": SILENT, ...inZone("2", "node-c", "node-d", "node-e") },
      }),
      reported("while half of the nodes in its zone were silent"),
    ));

  const back = { "node-a": LONG_SILENT, "node-c": HEARD, "node-d": HEARD };
  it("reports one as soon as the others have come back", async () =>
    assert.deepEqual(
      await aPowerOff({ nodes: { ...back, "node-b": { ...LONG_SILENT, backMs: 15_000 } } }),
      reported("and half of the nodes had been silent until just then"),
    ));

  it("allows one a while after the others have come back", async () =>
    assert.deepEqual(
      await aPowerOff({ nodes: { ...back, "node-b": { ...LONG_SILENT, backMs: 35_000 } } }),
      [],
    ));
});

function inZone(zone: string, ...names: readonly string[]): Readonly<Record<string, Silence>> {
  return Object.fromEntries(names.map((name) => [name, { zone }]));
}
