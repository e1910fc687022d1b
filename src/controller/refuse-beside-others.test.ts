import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Failure } from "../core/failure/failure.ts";
import { fail, type Result } from "../core/failure/result.ts";
import { diskUri, identity } from "../core/testing/objects.ts";
import type { Precondition } from "../ports/cloud/cloud-provisioner.ts";
import type { SnapshotObjection } from "../ports/cloud/snapshot-provisioner.ts";
import { refuseBesideOthers, refuseSnapshotsBesideOthers } from "./refuse-beside-others.ts";
import { withControllerPorts } from "./testing/a-controller.ts";
import { aSnapshotRequest } from "./testing/a-snapshot-request.ts";

const never = new AbortController().signal;
const DETAIL = "pod v1/x serves disk.csi.azure.com";
const snapshotUri = diskUri.replace("/disks/", "/snapshots/");
const CHANGES = ["attachDisk", "detachDisk", "barrier"] as const;

describe("refuseBesideOthers", () => {
  for (const change of CHANGES) {
    it(`refuses ${change} beside another driver, also one that waited when that driver came`, () =>
      withControllerPorts(async ({ ports }) => {
        let other: string | undefined = DETAIL;
        const answers: unknown[] = [];
        const asking = async ({
          precondition,
        }: {
          readonly precondition: Precondition;
        }): Promise<Result<never>> => {
          answers.push(await precondition(never));
          other = DETAIL;
          answers.push(await precondition(never));
          return fail({ kind: "Refused", diskUri });
        };
        const cloud = refuseBesideOthers({ ...ports.cloud, [change]: asking }, () => other);
        const request = {
          diskUri,
          node: identity("node-a"),
          cachingMode: "None",
          lane: "primaryAttach",
          mode: "fence",
          precondition: async () => true,
        } as const;
        const whole = {
          ...request,
          forcePrecondition: async () => true,
          mayCompleteDetach: async () => true,
        };
        assert.deepEqual(await cloud[change](whole, never), fail({ kind: "OtherDriver", detail: DETAIL }));
        assert.deepEqual(answers, []);
        other = undefined;
        assert.deepEqual(await cloud[change](whole, never), fail({ kind: "Refused", diskUri }));
        assert.deepEqual(answers, [true, false]);
      }));
  }

  it("passes reads through", () =>
    withControllerPorts(async ({ ports, answerOf }) => {
      const cloud = refuseBesideOthers(ports.cloud, () => DETAIL);
      assert.deepEqual(
        await answerOf(cloud.getDisk({ diskUri }, never)),
        await answerOf(ports.cloud.getDisk({ diskUri }, never)),
      );
    }));
});

describe("refuseSnapshotsBesideOthers", () => {
  const gone = { kind: "SnapshotNotFound", snapshotUri } as const;
  const request = aSnapshotRequest({ snapshotUri, sourceUri: diskUri, objection: () => gone });
  const reads = async (): Promise<Result<never>> => fail(gone);
  const present = {
    snapshotUri,
    sourceUri: diskUri,
    location: "eastus",
    sizeGiB: 4,
    isIncremental: true,
    sectorSizeBytes: 512,
    burstingEnabled: false,
    tags: {},
    createdAtMs: 0,
    state: "Succeeded",
    isTaken: true,
    isRestorable: true,
    isBeingCopied: false,
    copyError: undefined,
  };
  const beside = { kind: "OtherDriver", detail: DETAIL } as const;

  for (const change of ["createSnapshot", "tagSnapshot", "deleteSnapshot"] as const)
    it(`refuses ${change} beside another driver, also if it came after the call`, async () => {
      let other: string | undefined = DETAIL;
      const objections: (Failure | undefined)[] = [];
      const asking = async ({
        objection,
      }: {
        readonly objection: SnapshotObjection;
      }): Promise<Result<never>> => {
        objections.push(objection(present));
        other = DETAIL;
        objections.push(objection(present));
        return fail(gone);
      };
      const snapshots = refuseSnapshotsBesideOthers(
        {
          createSnapshot: asking,
          tagSnapshot: asking,
          deleteSnapshot: asking,
          getSnapshot: reads,
          listSnapshots: reads,
        },
        () => other,
      );
      assert.deepEqual(await snapshots[change]({ ...request, tags: {} }, never), fail(beside));
      assert.deepEqual(objections, []);
      other = undefined;
      assert.deepEqual(await snapshots[change]({ ...request, tags: {} }, never), fail(gone));
      assert.deepEqual(objections, [gone, beside]);
    });

  it("passes reads through", async () => {
    const snapshots = refuseSnapshotsBesideOthers(
      {
        createSnapshot: reads,
        tagSnapshot: reads,
        deleteSnapshot: reads,
        getSnapshot: reads,
        listSnapshots: reads,
      },
      () => DETAIL,
    );
    assert.deepEqual(await snapshots.getSnapshot({ snapshotUri }, never), fail(gone));
    assert.deepEqual(await snapshots.listSnapshots({ resourceGroup: undefined }, never), fail(gone));
  });
});
