import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { fail } from "../core/failure/result.ts";
import type { Removal } from "../core/schedule/filter-nodes.ts";
import {
  type ExtenderArgs,
  type PreemptionArgs,
  readExtenderArgs,
  readPreemptionArgs,
  writeFilterError,
  writeFilterResult,
  writeHostPriorities,
  writePreemptionResult,
} from "./extender-wire.ts";

function read(body: string): ExtenderArgs | string {
  const args = readExtenderArgs(body);
  return args.ok ? args.value : args.failure;
}

/** A request for nodes by name. */
function named(...nodeNames: readonly string[]): ExtenderArgs {
  return { pod: null, nodeNames, nodeList: undefined };
}

const parsed = (answer: string) => JSON.parse(answer);
const node = (name: string) => ({ metadata: { name }, status: { allocatable: { cpu: "3860m" } } });

describe("readExtenderArgs", () => {
  it("reads names, or else nodes in full, as Go writes and reads them", () => {
    const pod = { metadata: { name: "web-0" } };
    const list = { metadata: { resourceVersion: "7" }, items: [node("node-a"), node("node-b")] };
    const rows: readonly (readonly [string, object])[] = [
      [
        JSON.stringify({ Pod: pod, Nodes: null, NodeNames: ["node-a", "node-b"] }),
        { pod, nodeNames: ["node-a", "node-b"], nodeList: undefined },
      ],
      [JSON.stringify({ pod, nodenames: ["node-a"] }), { pod, nodeNames: ["node-a"], nodeList: undefined }],
      [
        JSON.stringify({ Pod: pod, Nodes: list, NodeNames: null }),
        { pod, nodeNames: ["node-a", "node-b"], nodeList: list },
      ],
      [JSON.stringify({ Pod: pod, Nodes: { items: null } }), { pod, nodeNames: [], nodeList: { items: [] } }],
      [JSON.stringify({ Pod: null, NodeNames: [] }), { pod: null, nodeNames: [], nodeList: undefined }],
      [JSON.stringify({ Pod: pod, Nodes: null, NodeNames: [] }), { pod, nodeNames: [], nodeList: undefined }],
      [
        '{"NodeNames": [ "node-a", "node-b" ], "Pod": null}',
        { pod: null, nodeNames: ["node-a", "node-b"], nodeList: undefined },
      ],
      [
        '{"Pod":null,"Nodes":null,"NodeNames":["node\\u002da"]}',
        { pod: null, nodeNames: ["node-a"], nodeList: undefined },
      ],
    ];
    for (const [body, args] of rows) assert.deepEqual(read(body), args, body);
  });

  it("says what is wrong with anything else, and never throws", () => {
    const rows = [
      ["", /^the body is not JSON: /u],
      ['{"Pod":', /^the body is not JSON: /u],
      ["null", /^the body is not an object$/u],
      ['"x"', /^the body is not an object$/u],
      ["{}", /^there are neither NodeNames nor Nodes$/u],
      ['{"NodeNames":"node-a"}', /^NodeNames is not a list of names of nodes$/u],
      ['{"NodeNames":["node-a",1]}', /^NodeNames is not a list of names of nodes$/u],
      ['{"Pod":null,"Nodes":null,"NodeNames":["a",]}', /^the body is not JSON: /u],
      ['{"Nodes":{"items":{}}}', /^Nodes is not a list of nodes with names$/u],
      ['{"Nodes":{"items":[{}]}}', /^Nodes is not a list of nodes with names$/u],
      ['{"Nodes":{"items":[null]}}', /^Nodes is not a list of nodes with names$/u],
    ] as const;
    for (const [body, problem] of rows) {
      const args = read(body);
      assert.ok(typeof args === "string", body);
      assert.match(args, problem, body);
    }
    fc.assert(fc.property(fc.string(), (body) => typeof readExtenderArgs(body).ok === "boolean"));
    fc.assert(fc.property(fc.json(), (body) => typeof readExtenderArgs(body).ok === "boolean"));
  });
});

describe("writeFilterResult", () => {
  it("tells failed from unresolvable nodes, with reasons that Kubernetes can group", () => {
    const removed = new Map<number, Removal>([
      [1, "no-slot"],
      [2, "silent"],
      [3, { claim: "default/clone", sourceClaim: "default/data", place: "eastus-1" }],
    ]);
    assert.deepEqual(parsed(writeFilterResult(named("node-a", "node-b", "node-c", "node-d"), removed)), {
      Nodes: null,
      NodeNames: ["node-a"],
      FailedNodes: { "node-b": "node(s) without free slots for the Azure disks of the pod" },
      FailedAndUnresolvableNodes: {
        "node-c": "node(s) with an Azure Disk node plug-in that does not report any more",
        "node-d":
          "node(s) outside eastus-1, where claim default/clone has to be made as a copy of claim " +
          "default/data",
      },
      Error: "",
    });
  });

  it("answers all names in their order, but those removed, wherever these are", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(nodeName, fc.boolean())), (nodes) => {
        const removed = new Map<number, Removal>(
          nodes.flatMap(([, isRemoved], at) => (isRemoved ? [[at, "silent"]] : [])),
        );
        assert.deepEqual(
          parsed(writeFilterResult(named(...nodes.map(([name]) => name)), removed)).NodeNames,
          nodes.filter(([, isRemoved]) => !isRemoved).map(([name]) => name),
        );
      }),
    );
  });

  it("answers nodes in full as they came if the request has them in full", () => {
    const list = { metadata: { resourceVersion: "7" }, items: [node("node-a"), node("node-b")] };
    const args = readExtenderArgs(JSON.stringify({ Pod: null, Nodes: list, NodeNames: null }));
    assert.ok(args.ok);
    const { Nodes, NodeNames } = parsed(writeFilterResult(args.value, new Map([[0, "not-ready"]])));
    assert.deepEqual(
      { Nodes, NodeNames },
      { Nodes: { metadata: { resourceVersion: "7" }, items: [node("node-b")] }, NodeNames: null },
    );
  });

  it("answers an error if it has no answer, so that a scheduler may ignore it", () => {
    assert.deepEqual(parsed(writeFilterError("the body is not JSON")), {
      Nodes: null,
      NodeNames: null,
      FailedNodes: {},
      FailedAndUnresolvableNodes: {},
      Error: "the body is not JSON",
    });
  });
});

describe("writeHostPriorities", () => {
  it("names each requested node with its score, and those without one with 0", () => {
    assert.deepEqual(parsed(writeHostPriorities([], new Map())), []);
    const scores = new Map([
      ["node-b", 5],
      ["not-requested", 10],
    ]);
    assert.deepEqual(parsed(writeHostPriorities(["node-a", "node-b"], scores)), [
      { Host: "node-a", Score: 0 },
      { Host: "node-b", Score: 5 },
    ]);
  });
});

/** Legal names, and others that a list may bring: they only have to come back. */
const nodeName = fc.string({ unit: fc.constantFrom(...Array.from('ab09-.,:{}"\\é😀')), minLength: 1 });

const preemptor = { metadata: { name: "web-0" } };
const byUid = { Pods: [{ UID: "uid-1" }, { UID: "uid-2" }], NumPDBViolations: 1 };
const inFull = {
  Pods: [{ metadata: { uid: "uid-1" }, spec: {} }, { metadata: { uid: "uid-2" } }],
  NumPDBViolations: 1,
};

function readPreemption(args: unknown): PreemptionArgs {
  const args_ = readPreemptionArgs(JSON.stringify(args));
  assert.ok(args_.ok);
  return args_.value;
}

describe("a preemption request", () => {
  it("is read with victims by uid or in full, as Go writes and reads them", () => {
    const args = { pod: preemptor, victims: new Map([["node-a", byUid]]) };
    for (const written of [
      { Pod: preemptor, NodeNameToVictims: null, NodeNameToMetaVictims: { "node-a": byUid } },
      { Pod: preemptor, NodeNameToVictims: { "node-a": inFull }, NodeNameToMetaVictims: null },
      { pod: preemptor, nodeNameToMetaVictims: { "node-a": byUid } },
    ])
      assert.deepEqual(readPreemption(written), args);
    assert.deepEqual(
      readPreemption({ Pod: preemptor, NodeNameToVictims: { "node-a": { Pods: null } } }).victims,
      new Map([["node-a", { Pods: [], NumPDBViolations: 0 }]]),
    );
  });

  it("is refused where it is anything else", () => {
    const noUids = fail("NodeNameToVictims has victims that are no pods with uids");
    for (const [body, problem] of [
      ["[]", fail("the body is not an object")],
      [{ Pod: preemptor }, fail("there are neither NodeNameToMetaVictims nor NodeNameToVictims")],
      [{ Pod: preemptor, NodeNameToVictims: { "node-a": null } }, noUids],
      [{ Pod: preemptor, NodeNameToVictims: { "node-a": { Pods: "x" } } }, noUids],
      [{ Pod: preemptor, NodeNameToVictims: { "node-a": { Pods: [null] } } }, noUids],
      [{ Pod: preemptor, NodeNameToVictims: { "node-a": { Pods: [{ metadata: {} }] } } }, noUids],
    ] as const)
      assert.deepEqual(readPreemptionArgs(typeof body === "string" ? body : JSON.stringify(body)), problem);
  });

  it("is answered without the nodes that were removed, the others as they were", () => {
    const args = readPreemption({
      Pod: preemptor,
      NodeNameToMetaVictims: { "node-a": byUid, "node-b": byUid },
    });
    const answered = (...removed: readonly string[]): unknown =>
      JSON.parse(writePreemptionResult(args, new Set(removed)));
    assert.deepEqual(answered("node-b"), { NodeNameToMetaVictims: { "node-a": byUid } });
    assert.deepEqual(answered("node-a", "node-b"), { NodeNameToMetaVictims: {} });
  });
});
