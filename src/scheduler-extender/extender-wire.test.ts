import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { readExtenderArgs, writeFilterError, writeFilterResult, writeHostPriorities } from "./extender-wire.ts";

const named = (...nodeNames: readonly string[]) => ({ pod: undefined, nodeNames, nodeList: undefined });
const node = (name: string) => ({ metadata: { name }, status: { allocatable: { cpu: "3860m" } } });

describe("readExtenderArgs", () => {
  it("reads names, and nodes in full where there are no names, as Go writes them and as it would read them", () => {
    const pod = { metadata: { name: "web-0" } };
    const list = { metadata: { resourceVersion: "7" }, items: [node("node-a"), node("node-b")] };
    const rows: readonly (readonly [string, object])[] = [
      [JSON.stringify({ Pod: pod, Nodes: null, NodeNames: ["node-a", "node-b"] }), { pod, nodeNames: ["node-a", "node-b"], nodeList: undefined }],
      [JSON.stringify({ pod, nodenames: ["node-a"] }), { pod, nodeNames: ["node-a"], nodeList: undefined }],
      [JSON.stringify({ Pod: pod, Nodes: list, NodeNames: null }), { pod, nodeNames: ["node-a", "node-b"], nodeList: list }],
      [JSON.stringify({ Pod: pod, Nodes: { items: null } }), { pod, nodeNames: [], nodeList: { items: [] } }],
      [JSON.stringify({ Pod: null, NodeNames: [] }), { pod: null, nodeNames: [], nodeList: undefined }],
    ];
    for (const [body, value] of rows) assert.deepEqual(readExtenderArgs(body), { ok: true, value }, body);
  });

  it("says what is wrong with anything else, and throws for nothing", () => {
    const rows = [
      ["", /^the body is not JSON: /u],
      ['{"Pod":', /^the body is not JSON: /u],
      ["null", /^the body is not an object$/u],
      ['"x"', /^the body is not an object$/u],
      ["{}", /^there are neither NodeNames nor Nodes$/u],
      ['{"NodeNames":"node-a"}', /^NodeNames is not a list of names$/u],
      ['{"NodeNames":["node-a",1]}', /^NodeNames is not a list of names$/u],
      ['{"Nodes":{"items":{}}}', /^Nodes has no list of items$/u],
      ['{"Nodes":{"items":[{}]}}', /^Nodes has an item without a name$/u],
      ['{"Nodes":{"items":[null]}}', /^Nodes has an item without a name$/u],
    ] as const;
    for (const [body, problem] of rows) {
      const args = readExtenderArgs(body);
      assert.ok(!args.ok, body);
      assert.match(args.failure, problem);
    }
    fc.assert(fc.property(fc.string(), (body) => typeof readExtenderArgs(body).ok === "boolean"));
    fc.assert(fc.property(fc.json(), (body) => typeof readExtenderArgs(body).ok === "boolean"));
  });
});

describe("writeFilterResult", () => {
  it("tells apart nodes that others could leave from nodes that nothing helps, with a reason that Kubernetes can put together", () => {
    const filtered = {
      passed: ["node-a"],
      removed: [
        { nodeName: "node-b", because: "no-slot" },
        { nodeName: "node-c", because: "silent" },
      ],
    } as const;
    assert.deepEqual(JSON.parse(writeFilterResult(named("node-a", "node-b", "node-c"), filtered)), {
      Nodes: null,
      NodeNames: ["node-a"],
      FailedNodes: { "node-b": "node(s) without free slots for the Azure disks of the pod" },
      FailedAndUnresolvableNodes: { "node-c": "node(s) with an Azure Disk node plug-in that is not heard of any more" },
      Error: "",
    });
  });

  it("answers nodes in full as they came where they were asked for in full", () => {
    const nodeList = { metadata: { resourceVersion: "7" }, items: [node("node-a"), node("node-b")] };
    const args = { pod: undefined, nodeNames: ["node-a", "node-b"], nodeList };
    const { Nodes, NodeNames } = JSON.parse(writeFilterResult(args, { passed: ["node-b"], removed: [{ nodeName: "node-a", because: "not-ready" }] }));
    assert.deepEqual({ Nodes, NodeNames }, { Nodes: { metadata: { resourceVersion: "7" }, items: [node("node-b")] }, NodeNames: null });
  });

  it("says by an error that there is no answer, so that a scheduler that may goes on without it", () => {
    assert.deepEqual(JSON.parse(writeFilterError("the body is not JSON")), {
      Nodes: null,
      NodeNames: null,
      FailedNodes: {},
      FailedAndUnresolvableNodes: {},
      Error: "the body is not JSON",
    });
  });
});

describe("writeHostPriorities", () => {
  it("names each node asked for, whatever its name, and no other", () => {
    const scores = new Map([
      ["node-b", 10],
      ["node-elsewhere", 5],
    ]);
    const rows: readonly (readonly [readonly string[], readonly object[]])[] = [
      [[], []],
      [["node-a"], [{ Host: "node-a", Score: 0 }]],
      [
        ["node-a", "node-b"],
        [
          { Host: "node-a", Score: 0 },
          { Host: "node-b", Score: 10 },
        ],
      ],
      [['quoted "name",'], [{ Host: 'quoted "name",', Score: 0 }]],
    ];
    for (const [nodeNames, priorities] of rows) assert.deepEqual(JSON.parse(writeHostPriorities(nodeNames, scores)), priorities);
    fc.assert(
      fc.property(fc.array(fc.string()), (nodeNames) => {
        assert.deepEqual(
          JSON.parse(writeHostPriorities(nodeNames, new Map())),
          nodeNames.map((Host) => ({ Host, Score: 0 })),
        );
      }),
    );
  });
});
