import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aVolume, aWriter, diskUri, instanceUriOf } from "../testing/a-history.ts";
import { anAttachment, asWorld, atRest, desired, type MadeUpRest } from "../testing/a-rest-world.ts";
import { judgeLeaks } from "./judge-leaks.ts";

function leaks(change: (made: MadeUpRest) => void, exists = true): readonly string[] {
  const made = atRest();
  change(made);
  return judgeLeaks(asWorld(made), [{ ...desired, exists }]).map(({ detail }) => detail);
}

const identity = (nodeName: string) => ({
  nodeName,
  vmId: `guid-${nodeName}`,
  instanceUri: instanceUriOf(nodeName),
});

describe("nothing is left behind", () => {
  it("by a volume that is in use", () => {
    assert.deepEqual(
      leaks(() => undefined),
      [],
    );
  });

  it("in Azure, but by another cluster", () => {
    const onlyInAzure = (made: MadeUpRest): void => {
      [made.volumes, made.attachments, made.pods] = [[], [], []];
      [made.containers, made.mountedOn, made.attachedTo] = [[], [], ["node-a"]];
    };
    assert.deepEqual(leaks(onlyInAzure, false), [
      "disk vol-1 belongs to no claim",
      "node-a has vol-1 at LUN 0 (Attached), and no attachment says so",
    ]);
    const ofOthers = (made: MadeUpRest): void => {
      onlyInAzure(made);
      made.others = [diskUri, instanceUriOf("node-a")];
    };
    assert.deepEqual(leaks(ofOthers, false), []);
  });

  const rows: readonly {
    readonly because: string;
    readonly change: (made: MadeUpRest) => void;
    readonly expected: readonly string[];
  }[] = [
    {
      because: "a fence that never ended, nodes that were never let out of quarantine or proven",
      change: (made) => {
        made.volumes = [
          aVolume({
            writer: aWriter("node-a", 3),
            fencing: identity("node-b"),
            quarantined: [identity("node-b")],
            unverified: [identity("node-c")],
            epoch: 3,
          }),
        ];
      },
      expected: [
        "vol-1 is still fencing node-b",
        "vol-1 still has node-b in quarantine",
        "vol-1 still has node-c unverified",
      ],
    },
    {
      because: "an earlier VM of a node's name in quarantine, which is no more",
      change: (made) => {
        made.volumes = [
          aVolume({
            writer: aWriter("node-a", 3),
            quarantined: [{ ...identity("node-b"), vmId: "guid-of-an-earlier-node-b" }],
            epoch: 3,
          }),
        ];
      },
      expected: ["vol-1 still has node-b in quarantine"],
    },
    {
      because: "the disk of a replica on a VM that another one has taken the node's name from",
      change: (made) => {
        made.kept = [{ nodeName: "node-b", vmGuid: "guid-of-an-earlier-node-b", hasDisk: true }];
      },
      expected: ["flex_node-b has vol-1 at LUN 0 (Attached), and no attachment says so"],
    },
    {
      because: "nothing by a VM that was cut off, and is kept though another one has its node's name",
      change: (made) => {
        made.kept = [{ nodeName: "node-b", vmGuid: "guid-of-an-earlier-node-b", hasDisk: false }];
        made.volumes = [
          aVolume({
            writer: aWriter("node-a", 3),
            quarantined: [{ ...identity("node-b"), vmId: "guid-of-an-earlier-node-b" }],
            epoch: 3,
          }),
        ];
      },
      expected: [],
    },
    {
      because: "a condition that names a VM which has the disk no more",
      change: (made) => {
        const [volume] = made.volumes;
        assert.ok(volume?.status !== undefined);
        const told = {
          type: "AttachedElsewhere",
          status: "True",
          reason: "FoundAttached",
          message: "",
          lastTransitionTime: "2026-01-01T00:00:00Z",
        } as const;
        made.volumes = [{ ...volume, status: { ...volume.status, conditions: [told] } }];
      },
      expected: ["vol-1 still says that it is attached elsewhere"],
    },
    {
      because: "what is known of a node that is no more",
      change: (made) => {
        made.volumes = [
          aVolume({
            writer: aWriter("node-a", 3),
            defaultAccess: "quarantined",
            clean: [identity("node-b"), identity("gone")],
            epoch: 3,
          }),
        ];
      },
      expected: ["vol-1 still says of gone that it is clean, and there is no such node"],
    },
    {
      because: "a grant on a node where no container runs, its primary attachment, and a mount there",
      change: (made) => {
        made.containers = [];
      },
      expected: [
        "vol-1 is granted to node-a (held true, requested true), where nothing uses it",
        "vol-1 is attached to node-a as Primary, where nothing uses it",
        "node-a still has vol-1 mounted at /staging, where nothing uses it",
      ],
    },
    {
      because: "a placeholder that was not taken away with its pod",
      change: (made) => {
        made.placeholdersOn = ["node-b"];
      },
      expected: ["node-b still has a placeholder at /target"],
    },
    {
      because: "a disk on a VM of which no attachment knows",
      change: (made) => {
        made.attachedTo.push("node-c");
      },
      expected: ["node-c has vol-1 at LUN 0 (Attached), and no attachment says so"],
    },
    {
      because: "an attachment that Azure does not have",
      change: (made) => {
        made.attachedTo = ["node-a"];
      },
      expected: ["vol-1 is said to be attached to node-b at LUN 0, and is not"],
    },
    {
      because:
        "an attachment whose disk Azure has failed to take off: it goes with the next change of the VM",
      change: (made) => {
        made.detachFailedOn = ["node-b"];
      },
      expected: ["vol-1 is said to be attached to node-b at LUN 0, and is not"],
    },
    {
      because: "an attachment that never completes, beside as many replicas as are requested",
      change: (made) => {
        made.attachments.push({
          ...anAttachment("node-c", "Replica"),
          status: { state: "AttachmentFailed", role: "Replica" },
        });
      },
      expected: ["vol-1 is to be attached to node-c as Replica, and is AttachmentFailed"],
    },
    {
      because: "an object that waits for its finalizer, and an attachment of no volume",
      change: (made) => {
        const [volume] = made.volumes;
        assert.ok(volume !== undefined);
        made.volumes = [
          {
            ...volume,
            metadata: { ...volume.metadata, deletionTimestamp: "2026-01-01T00:00:00Z", finalizers: ["f"] },
          },
        ];
        made.attachments.push({
          ...anAttachment("node-c", "Replica"),
          spec: { ...anAttachment("node-c", "Replica").spec, volumeName: "vol-9" },
        });
      },
      expected: ["vol-1 is being deleted and keeps f", "attachment vol-1-node-c is of no volume"],
    },
  ];
  for (const { because, change, expected } of rows) {
    it(`reports ${because}`, () => assert.deepEqual(leaks(change), expected));
  }

  it("reports the disk, the object and the attachments of a deleted volume", () => {
    const told = leaks(() => undefined, false);
    assert.deepEqual(told.slice(0, 2), [
      "AzVolume vol-1 (Created) belongs to no claim",
      "disk vol-1 belongs to no claim",
    ]);
  });
});
