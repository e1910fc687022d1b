import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aDriverNode } from "../../controller/testing/a-driver-node.ts";
import type { AzDriverNode } from "../../core/api/az-driver-node.ts";
import type { MountProblem } from "../../core/api/az-volume-attachment.ts";
import {
  aRecord,
  aReplica,
  aVolume,
  aWriter,
  anAttachment,
  identity,
  diskUri,
} from "../../core/testing/objects.ts";
import { describeVolume, isFine, type VolumeReport } from "./volume-report.ts";

const error = { kind: "NoFreeLun", message: "no LUN is free", failure: "{}", time: "12:00", retries: 2 };

function condition(type: string, status: "True" | "False", reason = "Because") {
  return { type, status, reason, message: "so it is", lastTransitionTime: "12:00" } as const;
}

function aNode(nodeName: string, isReady = true): AzDriverNode {
  const node = aDriverNode(nodeName);
  assert.ok(node.status !== undefined);
  const status = {
    ...node.status,
    readyForVolumeAllocation: isReady,
    statusMessage: isReady ? "serving" : "silent",
    lastHeartbeatTime: "11:59",
  };
  return { ...node, status };
}

/** A volume that node-a writes and node-b has a replica of. */
function aReport(overrides: Partial<VolumeReport> = {}): VolumeReport {
  return {
    volume: aVolume({ status: { record: aRecord({ writer: aWriter("node-a") }) } }),
    attachments: [anAttachment("node-a"), aReplica("node-b")],
    nodes: [aNode("node-a"), aNode("node-b")],
    events: [],
    controller: { leads: true, detail: "Lease of controller-0, renewed 2 s ago" },
    ...overrides,
  };
}

function problem(reason: MountProblem["reason"]): MountProblem {
  return { reason, epoch: 1, since: "11:58\u001b[2J", detail: "its device is gone" };
}

describe("isFine", () => {
  it("takes a volume whose disk, writer and replicas are as requested", () => {
    assert.equal(isFine(aReport()), true);
    const conditions = [condition("FailoverReady", "True")];
    assert.equal(isFine(aReport({ volume: aVolume({ status: { conditions } }) })), true);
  });

  it("takes one whose file system was repaired before its mount", () => {
    const status = { mountProblems: [problem("FileSystemRepaired")] };
    assert.equal(
      isFine(aReport({ attachments: [anAttachment("node-a", { status }), aReplica("node-b")] })),
      true,
    );
  });

  it("believes of a mount only the node that holds the volume, of its present grant", () => {
    const dead = problem("MountDead");
    const attachments = [
      anAttachment("node-a", { status: { mountProblems: [{ ...dead, epoch: 0 }] } }),
      aReplica("node-b", { status: { mountProblems: [dead] } }),
    ];
    const report = aReport({ attachments });
    assert.equal(isFine(report), true);
    assert.doesNotMatch(describeVolume(report), /MountDead/u);
  });

  const rows: readonly { readonly because: string; readonly changed: Partial<VolumeReport> }[] = [
    {
      because: "a disk that is not there yet",
      changed: { volume: aVolume({ status: { state: "Creating" } }) },
    },
    { because: "a failure", changed: { volume: aVolume({ status: { error } }) } },
    {
      because: "a fence",
      changed: { volume: aVolume({ status: { record: { ...aRecord(), fencing: identity("node-c") } } }) },
    },
    {
      because: "a node that is not verified",
      changed: {
        volume: aVolume({
          status: { record: { ...aRecord(), nodes: [{ ...identity("node-c"), access: "unverified" }] } },
        }),
      },
    },
    {
      because: "replicas that are missing",
      changed: { volume: aVolume({ status: { conditions: [condition("FailoverReady", "False")] } }) },
    },
    {
      because: "a node that waits",
      changed: { volume: aVolume({ status: { conditions: [condition("WriterWaiting", "True")] } }) },
    },
    {
      because: "a disk that Azure failed to fill",
      changed: {
        volume: aVolume({ status: { conditions: [condition("Copying", "False", "CopyFailed")] } }),
      },
    },
    {
      because: "an attach that has failed",
      changed: { attachments: [anAttachment("node-a", { status: { state: "AttachmentFailed", error } })] },
    },
    ...(["MountDead", "FileSystemErrors"] as const).map((reason) => ({
      because: `a mount with ${reason}`,
      changed: { attachments: [anAttachment("node-a", { status: { mountProblems: [problem(reason)] } })] },
    })),
    { because: "a silent node", changed: { nodes: [aNode("node-a", false), aNode("node-b")] } },
    {
      because: "a volume without a leading controller",
      changed: { controller: { leads: false, detail: "none leads: no Lease" } },
    },
    { because: "a writer without a node plug-in", changed: { nodes: [aNode("node-b")] } },
  ];
  for (const { because, changed } of rows)
    it(`does not take ${because}`, () => assert.equal(isFine(aReport(changed)), false));
});

describe("describeVolume", () => {
  it("says what the objects state, and nodes, failures and the latest events", () => {
    const event = (count: number) => ({
      type: "Warning",
      reason: "AttachFailed",
      message: "no LUN is free. The driver retries automatically.",
      count,
      lastTimestamp: "12:01",
      involvedObject: { name: "pvc-1" },
    });
    const report = aReport({
      volume: aVolume({
        status: {
          record: {
            ...aRecord({ writer: aWriter("node-a") }),
            nodes: [
              { ...identity("node-c"), access: "clean" },
              { ...identity("node-d"), barrierPending: true },
            ],
            defaultAccess: "quarantined",
          },
          error,
          conditions: [condition("FailoverReady", "False", "ReplicasMissing")],
        },
      }),
      attachments: [
        anAttachment("node-a", { status: { mountProblems: [problem("MountDead")] } }),
        aReplica("node-b", { status: { state: "AttachmentFailed", error } }),
      ],
      nodes: [aNode("node-a")],
      events: [...Array.from({ length: 10 }, () => event(1)), event(3)],
    });
    const lines = describeVolume(report).split("\n");
    assert.deepEqual(lines.slice(0, 6), [
      "pvc-1: not fine",
      `  disk        Created: ${diskUri}, 10 GiB Premium_LRS, maxShares 3`,
      "  record      writer node-a (held, requested); node-c clean; node-d quarantined, barrier pending; " +
        "others quarantined; epoch 1",
      "  attachment  node-a Primary Attached at LUN 0, MountDead since 11:58 [2J; node ready (serving), " +
        "last heartbeat 11:59",
      "  attachment  node-b Replica AttachmentFailed at LUN 0; no node plug-in has registered there" +
        "; NoFreeLun at 12:00, 2 retries: no LUN is free",
      "  condition   FailoverReady False (ReplicasMissing): so it is",
    ]);
    assert.equal(lines[6], "  failure     NoFreeLun at 12:00, 2 retries: no LUN is free");
    assert.equal(lines[7], "  controller  Lease of controller-0, renewed 2 s ago");
    assert.equal(lines.length, 18);
    assert.match(
      lines.at(-1) ?? "",
      /^ {2}event {7}12:01 Warning AttachFailed \(3 times\): no LUN is free\. The/u,
    );
  });

  for (const [preempted, expected] of [
    [{}, "fencing node-c; "],
    [{ preempted: 4 }, "fencing node-c, whose writes the disk refuses; "],
  ] as const)
    it(`says of a fence whether the disk refuses the node's writes: ${expected}`, () => {
      const record = { ...aRecord(), fencing: { ...identity("node-c"), ...preempted } };
      const lines = describeVolume(aReport({ volume: aVolume({ status: { record } }) })).split("\n");
      assert.equal(lines[2], `  record      no writer; ${expected}epoch 0`);
    });

  it("says that the events could not be read", () => {
    const lines = describeVolume(aReport({ eventsNotRead: "403" })).split("\n");
    assert.equal(lines.at(-1), "  events      not read (403)");
  });
});
