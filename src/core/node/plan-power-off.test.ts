import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  BELIEVED_AFTER_MS,
  type HeardNode,
  planPowerOff,
  type PowerOffStep,
  type SilentNode,
} from "./plan-power-off.ts";

const settings = { silentNodes: "power-off", powerOffAfterMs: 30_000 } as const;
const dead: SilentNode = {
  zone: "1",
  silentMs: 30_000,
  believedMs: BELIEVED_AFTER_MS,
  heardAs: undefined,
  writes: ["pvc-1"],
};

/** Nodes by zone: `1` sends heartbeats, `1!` is silent. */
function heard(...nodes: readonly string[]): readonly HeardNode[] {
  return nodes.map((text) => ({ zone: text.replace("!", ""), isSilent: text.endsWith("!") }));
}

describe("planPowerOff", () => {
  const rows: readonly {
    readonly because: string;
    readonly node?: Partial<SilentNode>;
    readonly others?: readonly HeardNode[];
    readonly silentNodes?: "wait";
    readonly step: PowerOffStep;
  }[] = [
    { because: "a node that writes and is silent alone is powered off", step: { kind: "PowerOff" } },
    { because: "by default a person decides", silentNodes: "wait", step: { kind: "Keep" } },
    {
      because: "a node that writes nothing keeps no one waiting",
      node: { writes: [] },
      step: { kind: "Keep" },
    },
    {
      because: "the whole time has to pass",
      node: { silentMs: 29_999 },
      step: { kind: "LookAgain", afterMs: 1 },
    },
    {
      because: "the time begins once the others would be silent, too",
      node: { silentMs: -5_000 },
      step: { kind: "LookAgain", afterMs: 20_000 },
    },
    {
      because: "few may have been silent for long before others show that they are, too",
      node: { believedMs: -40_000 },
      step: { kind: "LookAgain", afterMs: 10_000 },
    },
    {
      because: "the last nodes that a network brings back are given time",
      node: { believedMs: BELIEVED_AFTER_MS - 1 },
      step: { kind: "LookAgain", afterMs: 1 },
    },
    {
      because: "a VM that runs on as another node works",
      node: { heardAs: "node-z" },
      step: { kind: "Withhold", reason: "it runs on as node-z" },
    },
    {
      because: "where no other node is heard, this controller may be the one that is cut off",
      others: heard("2!"),
      step: { kind: "Withhold", reason: "every node is silent" },
    },
    {
      because: "without other nodes nothing is heard either",
      others: [],
      step: { kind: "Withhold", reason: "every node is silent" },
    },
    {
      because: "one of two nodes may be dead",
      others: heard("1"),
      step: { kind: "PowerOff" },
    },
    {
      because: "half of the nodes don't die at once",
      others: heard("2!", "3", "3"),
      step: { kind: "Withhold", reason: "2 of 4 nodes are silent" },
    },
    {
      because: "fewer than half may",
      others: heard("2!", "2", "3", "3"),
      step: { kind: "PowerOff" },
    },
    {
      because: "a zone whose nodes are all silent is cut off, rather than dead",
      others: heard("1!", "2", "2", "3", "3"),
      step: { kind: "Withhold", reason: "2 of 2 nodes of zone 1 are silent" },
    },
    {
      because: "so are nodes without a zone beside those in zones",
      node: { zone: "" },
      others: heard("!", "2", "2", "3", "3"),
      step: { kind: "Withhold", reason: "2 of 2 nodes without a zone are silent" },
    },
    {
      because: "the only node of a zone may be dead",
      others: heard("2", "3"),
      step: { kind: "PowerOff" },
    },
  ];
  for (const { because, node, others = heard("1", "2", "3"), silentNodes, step } of rows)
    it(because, () =>
      assert.deepEqual(
        planPowerOff(
          { ...dead, ...node },
          others,
          silentNodes === undefined ? settings : { ...settings, silentNodes },
        ),
        step,
      ),
    );
});
