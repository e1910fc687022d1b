import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ObservedVm, ObservedVolume } from "../attachment/observed-volume.ts";
import {
  anAttachment,
  anObservedVolume,
  aNode,
  aReplica,
  anOrchestratorNode,
  aVolumeWithRecord,
  aWriter,
  diskUri,
  identity,
  instanceUriOf,
} from "../testing/objects.ts";
import { type RecordChanges } from "../testing/record-lists.ts";
import { planProofs } from "./plan-proofs.ts";
import { planWriter } from "./plan-writer.ts";
import type { WriterAction } from "./writer-action.ts";

/** The VM that had the name node-a before another one took it. */
const earlier = {
  nodeName: "node-a",
  vmId: "vm-of-an-earlier-node-a",
  instanceUri: `${instanceUriOf("node-a")}-earlier`,
};
const foreign = { ...earlier, nodeName: earlier.instanceUri };
const checks: WriterAction = { kind: "AskAzure", node: earlier, mayBeGone: true };
const vm = `the VM ${earlier.instanceUri} (vmId ${earlier.vmId})`;
const said = `${vm} holds the volume as node-a, and that node is another VM by now`;
const saidOfMoved =
  `${vm} had the volume as node-a, and that node reports this vmId from ${instanceUriOf("node-a")} by now, ` +
  "where Azure has not shown it yet";

/** What follows where node-b waits for an earlier VM that may have the volume. */
function waitsFor(message: string): readonly WriterAction[] {
  return [
    { kind: "AskAzure", node: earlier, mayBeGone: false },
    {
      kind: "WaitFor",
      reason: "WriterReplaced",
      nodeName: "node-a",
      message: `node-b waits for the volume: ${message}`,
      retryAfterMs: 10_000,
    },
  ];
}

function observed(
  record: RecordChanges,
  overrides: Parameters<typeof anObservedVolume>[0] = {},
): ObservedVolume {
  return anObservedVolume({ volume: aVolumeWithRecord(record), ...overrides });
}

/** The earlier VM as Azure shows it, running with the disk. */
function shown(overrides: Partial<ObservedVm>): ObservedVm {
  return { ...earlier, powerState: "running", dataDisks: [{ diskUri }], ...overrides };
}

function held(requested: boolean, by = aWriter("node-a")): RecordChanges {
  return { writer: { ...by, ...earlier, requested } };
}

describe("a VM in the record whose node name is another VM's", () => {
  const outOfService = { nodes: [aNode("node-a", { isOutOfService: true }), aNode("node-b")] };
  const fencedOutOfService: WriterAction = {
    kind: "BeginFence",
    node: earlier,
    distrusts: true,
    ground: "outOfService",
    because: "the node is out of service, and that node is another VM by now",
  };
  const waits = waitsFor(said);
  const rows: readonly {
    readonly title: string;
    readonly observed: ObservedVolume;
    readonly plan: readonly WriterAction[];
  }[] = [
    {
      title: "blocks no grant while it is in quarantine, and is not asked about here",
      observed: observed({ quarantined: [earlier] }, { attachments: [anAttachment("node-b")] }),
      plan: [{ kind: "Grant", node: identity("node-b"), isUserSeen: true }],
    },
    {
      title: "is asked about, and fenced if it is off, where it holds the volume",
      observed: observed(held(true), { attachments: [anAttachment("node-b")] }),
      plan: [checks, ...waits],
    },
    {
      title: "is fenced once Azure shows it as off, though its request stands",
      observed: observed(held(true), { vm: shown({ powerState: "deallocated" }) }),
      plan: [
        checks,
        {
          kind: "BeginFence",
          node: earlier,
          distrusts: true,
          ground: "off",
          because: `the VM ${earlier.instanceUri} is deallocated, and that node is another VM by now`,
        },
      ],
    },
    {
      title: "is reported where it holds the volume, though no node waits",
      observed: observed(held(false)),
      plan: [
        checks,
        { kind: "AskAzure", node: earlier, mayBeGone: false },
        {
          kind: "Report",
          reason: "WriterReplaced",
          nodeName: "node-a",
          message: said,
          localKey: said,
          retryAfterMs: 10_000,
        },
      ],
    },
    {
      title: "is fenced by its own identity once its node is marked, without a recall to the other VM",
      observed: observed(held(false), {
        ...outOfService,
        attachments: [anAttachment("node-a", { spec: { role: "Replica" } })],
      }),
      plan: [checks, fencedOutOfService],
    },
    {
      title: "is fenced once its node is marked, though its request stands and its grant was released",
      observed: observed(held(true, aWriter("node-a", { held: false })), outOfService),
      plan: [checks, fencedOutOfService],
    },
    {
      title: "counts as a holder where its grant was released: the other VM's token may have done that",
      observed: observed(held(false, aWriter("node-a", { held: false })), {
        attachments: [anAttachment("node-b")],
      }),
      plan: [checks, { kind: "Distrust", node: earlier, as: "writer" }, ...waits],
    },
    {
      title: "counts as a holder where it may still acquire the volume",
      observed: observed(held(true, aWriter("node-a", { held: false })), {
        attachments: [anAttachment("node-b")],
      }),
      plan: [checks, { kind: "Distrust", node: earlier, as: "writer" }, ...waits],
    },
    {
      title: "is left to its fence, whatever is reported of its hold while that runs",
      observed: observed({ ...held(false, aWriter("node-a", { held: false })), fencing: earlier }),
      plan: [],
    },
    {
      title:
        "counts as a holder where the other VM's AzDriverNode is not believed, and the Node names that VM",
      observed: observed(held(false, aWriter("node-a", { held: false })), {
        nodes: [aNode("node-b")],
        attachments: [anAttachment("node-b")],
        orchestratorNode: (name) =>
          anOrchestratorNode({ instanceUri: instanceUriOf(name), nodeUid: "uid-of-that-node" }),
      }),
      plan: [checks, { kind: "Distrust", node: earlier, as: "writer" }, ...waits],
    },
    {
      title: "loses a released grant where the Node names no other VM",
      observed: observed(held(false, aWriter("node-a", { held: false })), {
        nodes: [],
        orchestratorNode: () => anOrchestratorNode({ instanceUri: earlier.instanceUri.toUpperCase() }),
      }),
      plan: [{ kind: "Revoke" }],
    },
    {
      title: "is asked about where another resource id reports its vmId: a moved VM, or the other VM's lie",
      observed: observed(held(false, aWriter("node-a", { held: false })), {
        nodes: [aNode("node-a", { vmId: earlier.vmId })],
        attachments: [anAttachment("node-b")],
      }),
      plan: [
        { kind: "AskAzure", node: { ...earlier, instanceUri: instanceUriOf("node-a") }, mayBeGone: false },
        checks,
        ...waitsFor(saidOfMoved),
      ],
    },
    {
      title: "is not fenced by the mark of its node while it may have moved to that resource id",
      observed: observed(held(false, aWriter("node-a", { held: false })), {
        nodes: [aNode("node-a", { vmId: earlier.vmId, isOutOfService: true })],
        attachments: [anAttachment("node-b")],
      }),
      plan: [
        { kind: "AskAzure", node: { ...earlier, instanceUri: instanceUriOf("node-a") }, mayBeGone: false },
        checks,
        ...waitsFor(saidOfMoved),
      ],
    },
    {
      title: "is fenced by the mark of its node once Azure shows it where it was",
      observed: observed(held(false, aWriter("node-a", { held: false })), {
        nodes: [aNode("node-a", { vmId: earlier.vmId, isOutOfService: true })],
        vm: shown({}),
      }),
      plan: [fencedOutOfService],
    },
    {
      title: "is fenced once Azure shows it as off where it was, while another resource id reports its vmId",
      observed: observed(held(false, aWriter("node-a", { held: false })), {
        nodes: [aNode("node-a", { vmId: earlier.vmId })],
        vm: shown({ powerState: "stopped" }),
      }),
      plan: [
        {
          kind: "BeginFence",
          node: earlier,
          distrusts: true,
          ground: "off",
          because: `the VM ${earlier.instanceUri} is stopped, and that node is another VM by now`,
        },
      ],
    },
    {
      title: "is left to that fence, though the token that reports its vmId releases the grant again",
      observed: observed(
        { ...held(false, aWriter("node-a", { held: false })), fencing: earlier },
        { nodes: [aNode("node-a", { vmId: earlier.vmId })], vm: shown({ powerState: "stopped" }) },
      ),
      plan: [],
    },
    {
      title: "loses a released grant once Azure shows its vmId at the resource id that its node has now",
      observed: observed(held(false, aWriter("node-a", { held: false })), {
        nodes: [aNode("node-a", { vmId: earlier.vmId })],
        vm: shown({ instanceUri: instanceUriOf("node-a").toUpperCase(), vmId: earlier.vmId.toUpperCase() }),
      }),
      plan: [{ kind: "Revoke" }],
    },
    {
      title: "is unverified under its resource id, too: the other VM's token may remove the named entry",
      observed: observed({ unverified: [earlier] }, { attachments: [anAttachment("node-b")] }),
      plan: [checks, { kind: "Distrust", node: foreign, as: "stray" }],
    },
    {
      title: "is named with its resource id while it is unverified",
      observed: observed({ unverified: [earlier, foreign] }, { attachments: [anAttachment("node-b")] }),
      plan: [
        checks,
        {
          kind: "WaitFor",
          reason: "AttachedToForeignVM",
          message:
            `the VM ${earlier.instanceUri} (vmId ${earlier.vmId}) has the disk attached as node-a, ` +
            `and that node is another VM by now`,
          retryAfterMs: 10_000,
        },
      ],
    },
  ];
  for (const { because: why, record, vm, nodes } of [
    { because: "its VM runs", record: held(true), vm: shown({}) },
    { because: "its VM's state is unknown", record: held(true), vm: shown({ powerState: "unknown" }) },
    {
      because: "another VM is at its resource id",
      record: held(true),
      vm: shown({ vmId: "another", powerState: "deallocated" }),
    },
    {
      because: "its VM is where it was",
      record: held(false, aWriter("node-a", { held: false })),
      vm: shown({}),
      nodes: [aNode("node-a", { vmId: earlier.vmId })],
    },
    {
      because: "the VM at the resource id that its node has now is another one",
      record: held(false, aWriter("node-a", { held: false })),
      vm: shown({ instanceUri: instanceUriOf("node-a"), vmId: "another" }),
      nodes: [aNode("node-a", { vmId: earlier.vmId })],
    },
  ])
    it(`plans as before Azure was asked where ${why}`, () => {
      const overrides = nodes === undefined ? {} : { nodes };
      assert.deepEqual(
        planWriter(observed(record, { ...overrides, vm })),
        planWriter(observed(record, overrides)),
      );
    });

  for (const { title, observed: volume, plan } of rows)
    it(title, () => {
      assert.deepEqual(
        planWriter(volume).filter((action) => action.kind !== "Withdraw" || action.from === "record"),
        plan,
      );
    });

  for (const { says, orchestratorNode } of [
    { says: "nothing of its id", orchestratorNode: () => anOrchestratorNode() },
    { says: "that its id is no Node", orchestratorNode: () => anOrchestratorNode({ isGone: true }) },
  ])
    it(`blocks grants after its entry was removed, where the cluster says ${says}`, () => {
      const message =
        `${foreign.nodeName} has the disk attached ` + `and no node plug-in has registered by that name`;
      assert.deepEqual(
        planWriter(
          observed({ unverified: [foreign] }, { attachments: [anAttachment("node-b")], orchestratorNode }),
        ),
        [
          { kind: "AskAzure", node: foreign, mayBeGone: true },
          { kind: "WaitFor", reason: "AttachedToForeignVM", message, retryAfterMs: 10_000 },
        ],
      );
    });

  it("is asked about beside nodes that are unverified for their own reasons", () => {
    const another = {
      ...foreign,
      nodeName: `${foreign.nodeName}-2`,
      vmId: "vm-2",
      instanceUri: `${foreign.instanceUri}-2`,
    };
    const asksIfGone = { kind: "AskAzure", node: another, mayBeGone: true };
    for (const other of [identity("node-b"), earlier]) {
      const planned = planWriter(observed({ unverified: [other, another] }));
      assert.deepEqual(
        planned.filter((action) => action.kind === "AskAzure" && action.node.nodeName === another.nodeName),
        [asksIfGone],
      );
    }
  });

  it("waits for no second entry where only its node's checkpoints name it", () => {
    const planned = planWriter(observed({ unverified: [{ ...earlier, unconfirmed: true }] }));
    assert.deepEqual(
      planned.map(({ kind }) => kind),
      ["AskAzure", "WaitFor"],
    );
  });

  it("is proven to be without the disk, if only its own checkpoints name it", () => {
    assert.deepEqual(planProofs(observed({ unverified: [{ ...earlier, unconfirmed: true }] })), [earlier]);
    assert.deepEqual(planProofs(observed({ unverified: [earlier] })), []);
  });
});

describe("a VM in the record that no Node names", () => {
  const released = held(false, aWriter("node-a", { held: false }));
  const waits = waitsFor(`${vm} holds the volume as node-a, and no Node says which VM has that name`);
  const gone = { isGone: true };
  const unnamed = { nodeUid: "uid-of-a-node-without-provider-id" };
  const nodeB = aNode("node-b");
  const reported = aNode("node-a", { vmId: earlier.vmId, instanceUri: earlier.instanceUri, isGone: true });

  function withNode(record: RecordChanges, node: object, nodes = [nodeB]): ObservedVolume {
    return observed(record, {
      nodes,
      attachments: [anAttachment("node-b")],
      orchestratorNode: () => anOrchestratorNode(node),
    });
  }

  for (const { where, node, nodes } of [
    { where: "its Node is gone", node: gone },
    { where: "its Node is gone, and an AzDriverNode reports that VM", node: gone, nodes: [nodeB, reported] },
    { where: "its Node has no providerID yet", node: unnamed },
  ]) {
    it(`keeps a grant without a uid that any token may have released, where ${where}`, () => {
      assert.deepEqual(planWriter(withNode(released, node, nodes)), [
        checks,
        { kind: "Distrust", node: earlier, as: "writer" },
        ...waits,
      ]);
    });

    it(`is not recalled by that name while it holds the volume, where ${where}`, () => {
      assert.deepEqual(planWriter(withNode(held(false), node, nodes)), [checks, ...waits]);
    });

    it(`is unverified under its resource id, too, where ${where}`, () => {
      assert.deepEqual(planWriter(withNode({ unverified: [earlier] }, node, nodes)), [
        checks,
        { kind: "Distrust", node: foreign, as: "stray" },
      ]);
    });

    it(`loses a released grant with a uid, to which only its own token is bound, where ${where}`, () => {
      const writer = { ...aWriter("node-a", { held: false, requested: false }), ...earlier };
      const record = { writer: { ...writer, nodeUid: "uid-of-its-node" } };
      assert.deepEqual(planWriter(withNode(record, node, nodes)), [{ kind: "Revoke" }]);
    });
  }

  it("loses a released grant where the orchestrator has no uids, and so no tokens", () => {
    assert.deepEqual(planWriter(withNode(released, {})), [{ kind: "Revoke" }]);
  });

  it("loses a released grant where an AzDriverNode without providerID is trusted", () => {
    const node = { ...reported, isGone: false };
    assert.deepEqual(planWriter(withNode(released, unnamed, [nodeB, node])), [{ kind: "Revoke" }]);
  });
});

describe("a holder whose Node was deleted", () => {
  const holder = { ...earlier, nodeUid: "uid-of-its-node" };
  const writer = { ...aWriter("node-a", { requested: false }), ...holder };
  const asks: WriterAction = { kind: "AskAzure", node: holder, mayBeGone: true };
  const message =
    `node-b waits for the volume: ${vm} holds the volume as node-a, ` +
    "and no Node says which VM has that name";
  const waits = [
    { kind: "AskAzure", node: holder, mayBeGone: false },
    { kind: "WaitFor", reason: "WriterReplaced", nodeName: "node-a", message, retryAfterMs: 10_000 },
  ];
  const silentMs = 3_600_000;

  function withReport(
    heartbeatUnchangedMs: number | undefined,
    overrides: Parameters<typeof anObservedVolume>[0] = {},
    by = writer,
  ): ObservedVolume {
    const reported = aNode("node-a", {
      ...holder,
      isGone: true,
      heartbeatUnchangedMs: heartbeatUnchangedMs ?? 0,
    });
    return observed(
      { writer: by },
      {
        nodes: [aNode("node-b"), ...(heartbeatUnchangedMs === undefined ? [] : [reported])],
        attachments: [aReplica("node-a"), anAttachment("node-b")],
        orchestratorNode: (name) => anOrchestratorNode({ isGone: name === "node-a" }),
        writerUse: { kind: "unused" },
        ...overrides,
      },
    );
  }

  for (const heartbeatMs of [undefined, silentMs])
    it(`is asked about where its plug-in is ${heartbeatMs === undefined ? "unknown" : "silent"}`, () =>
      assert.deepEqual(planWriter(withReport(heartbeatMs)), [asks, ...waits]));

  it("is fenced where its plug-in is silent and its VM is off, as it can't be marked", () =>
    assert.deepEqual(planWriter(withReport(silentMs, { vm: { ...shown({ powerState: "deallocated" }) } })), [
      asks,
      {
        kind: "BeginFence",
        node: holder,
        distrusts: true,
        ground: "off",
        because: `the VM ${earlier.instanceUri} is deallocated, and no Node says which VM has that name`,
      },
    ]));

  it("is recalled while its plug-in sends heartbeats", () =>
    assert.deepEqual(
      planWriter(withReport(1_000)).map(({ kind }) => kind),
      ["Recall"],
    ));

  it("loses what it has released, by a token of its own", () =>
    assert.deepEqual(planWriter(withReport(silentMs, {}, { ...writer, held: false }))[0], {
      kind: "Revoke",
    }));

  it("loses what it has released, wherever the AzDriverNode left of it says its VM is", () => {
    const elsewhere = { ...holder, isGone: true, instanceUri: `${earlier.instanceUri}-elsewhere` };
    const nodes = [aNode("node-b"), aNode("node-a", elsewhere)];
    assert.deepEqual(planWriter(withReport(silentMs, { nodes }, { ...writer, held: false })), [
      { kind: "Revoke" },
    ]);
  });

  it("is checked for a user before its request ends", () =>
    assert.deepEqual(
      planWriter(withReport(silentMs, {}, { ...writer, requested: true }))[0]?.kind,
      "ReleaseCheck",
    ));
});

describe("a VM whose kubelet has registered under another name", () => {
  /** What node-c was called before. */
  const before = { ...identity("node-c"), nodeName: "node-z", nodeUid: "uid-of-node-z" };
  const asks: WriterAction = { kind: "AskAzure", node: before, mayBeGone: true };
  const waits: WriterAction = {
    kind: "WaitFor",
    reason: "WriterReplaced",
    nodeName: "node-z",
    message:
      `node-b waits for the volume: the VM ${before.instanceUri} (vmId ${before.vmId}) has it as node-z, ` +
      "and is node-c by now",
    retryAfterMs: 10_000,
  };
  const nodes = ["node-b", "node-c"].map((name) => aNode(name));
  const waiting = [anAttachment("node-b", { status: { state: "Attached", role: "Replica" } })];

  for (const [what, orchestratorNode] of [
    ["is out of service", anOrchestratorNode({ isOutOfService: true, nodeUid: "uid-of-node-z" })],
    ["is gone", anOrchestratorNode({ isGone: true })],
  ] as const) {
    const seen = (record: RecordChanges): readonly WriterAction[] =>
      planWriter(
        observed(record, {
          nodes,
          attachments: waiting,
          orchestratorNode: (name) =>
            name === "node-z"
              ? orchestratorNode
              : (nodes.find(({ nodeName }) => nodeName === name) ?? anOrchestratorNode()),
        }),
      );

    it(`is not fenced by its earlier name where that ${what}, and gets its present one`, () => {
      for (const held of [true, false])
        for (const requested of [true, false]) {
          const writer = { ...aWriter("node-c", { held, requested }), ...before };
          assert.deepEqual(seen({ writer }), [asks, waits]);
        }
      assert.deepEqual(seen({ unverified: [before] }), [asks, { kind: "Requeue", afterMs: 10_000 }]);
      assert.deepEqual(seen({ writer: aWriter("node-c"), unverified: [before] })[0], asks);
      assert.deepEqual(seen({ quarantined: [before] })[0], asks);
    });
  }

  it("is distrusted beside that where another VM has its earlier name", () => {
    const taken = aNode("node-z", { nodeUid: "uid-of-the-next" });
    const seen = (record: RecordChanges): readonly WriterAction[] =>
      planWriter(observed(record, { nodes: [...nodes, taken], attachments: waiting }));
    const writer = { ...aWriter("node-c", { held: false, requested: false }), ...before };
    const grants: WriterAction = { kind: "Distrust", node: before, as: "writer" };
    assert.deepEqual(seen({ writer }), [asks, grants, waits]);
    const stray = { ...before, nodeName: before.instanceUri, nodeUid: undefined };
    assert.deepEqual(seen({ unverified: [before] })[1], {
      kind: "Distrust",
      node: { nodeName: stray.nodeName, vmId: stray.vmId, instanceUri: stray.instanceUri },
      as: "stray",
    });
    const held = { ...aWriter("node-c", { requested: false }), ...before };
    assert.deepEqual(seen({ writer: held }), [asks, waits], "one that holds the volume counts already");
  });

  /** What is planned of it, where its earlier AzDriverNode is still there. */
  function beside(isGone: boolean, presentIsGone: boolean): readonly WriterAction[] {
    return planWriter(
      observed(
        { writer: { ...aWriter("node-c"), ...before } },
        {
          nodes: [
            aNode("node-b"),
            aNode("node-c", { isGone: presentIsGone }),
            aNode("node-z", { ...before, isGone }),
          ],
          attachments: waiting,
        },
      ),
    );
  }

  it("gets its present name also while its earlier AzDriverNode is left behind", () =>
    assert.deepEqual(beside(true, false), [asks, waits]));

  it("keeps its name while the cluster has both nodes, or neither", () => {
    for (const isGone of [false, true])
      assert.deepEqual(
        beside(isGone, isGone).filter(
          (action) => action.kind === "WaitFor" && action.reason === "WriterReplaced",
        ),
        [],
      );
  });

  /** What is planned where node-c and those nodes request the volume. */
  function planned(record: RecordChanges, ...requesting: readonly string[]): readonly WriterAction[] {
    return planWriter(observed(record, { nodes, attachments: requesting.map((name) => anAttachment(name)) }));
  }

  it("is asked about alone while no other node waits for the volume", () => {
    const writer = { ...aWriter("node-c"), ...before };
    assert.deepEqual(planned({ writer }), [asks]);
    assert.deepEqual(planned({ writer }, "node-c"), [asks], "it has the volume for its own request");
  });

  it("is asked about once, in however many roles the record names it", () => {
    const writer = { ...aWriter("node-c"), ...before };
    assert.deepEqual(planned({ writer, quarantined: [before], barrierPending: [before] }), [asks]);
  });

  it("is not asked about while it is being fenced, and loses what it has released", () => {
    const writer = { ...aWriter("node-c", { held: false, requested: false }), ...before };
    assert.deepEqual(planned({ writer, fencing: before }, "node-b"), [{ kind: "Revoke" }]);
  });

  it("is reported as foreign while it is known by its resource id alone", () => {
    const unnamed = { ...identity("node-c"), nodeName: before.instanceUri };
    assert.deepEqual(
      planned({ unverified: [unnamed] }, "node-b").map((action) =>
        action.kind === "WaitFor" ? action.reason : action.kind,
      ),
      ["AskAzure", "AttachedToForeignVM"],
    );
  });
});
