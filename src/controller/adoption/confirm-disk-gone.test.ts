import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { VOLUME_FINALIZER } from "../../core/api/finalizers.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { fail, ok } from "../../core/failure/result.ts";
import { aDetail, aRecord, aVolume, diskUri, identity } from "../../core/testing/objects.ts";
import { nodesIn } from "../../core/writer/record/record-nodes.ts";
import type { CloudProvisioner } from "../../ports/cloud/cloud-provisioner.ts";
import { withControllerPorts } from "../testing/a-controller.ts";
import { aDisk } from "../testing/a-disk.ts";
import { confirmDiskGone } from "./confirm-disk-gone.ts";
import { readRecordedDisk } from "./rebuild-record.ts";
import { recreateVolume } from "./recreate-volume.ts";

const never = new AbortController().signal;
const notFound: Failure = { kind: "DiskNotFound", diskUri };
const noGroup: Failure = {
  kind: "CloudRejected",
  code: "ResourceGroupNotFound",
  message: "Resource group 'rg-1' could not be found.",
  requestId: "r-1",
};
const denied: Failure = {
  kind: "CloudUnauthorized",
  code: "AuthorizationFailed",
  message: "",
  requestId: "",
};
const outage: Failure = { kind: "CloudUnavailable", code: "InternalError", message: "", requestId: "" };
const notShown = { kind: "CloudUnavailable", code: "DiskNotShown" };

const listing =
  (...uris: readonly string[]): CloudProvisioner["listDisks"] =>
  async () =>
    ok(uris.map((uri) => aDisk({ diskUri: uri })));

describe("confirmDiskGone", () => {
  const rows: readonly {
    readonly because: string;
    readonly failure?: Failure;
    readonly listDisks: CloudProvisioner["listDisks"];
    /** Undefined: it is gone. */
    readonly expected?: { readonly kind: string; readonly code?: string };
  }[] = [
    { because: "neither the read nor the list has it", listDisks: listing(`${diskUri}-2`) },
    { because: "its group is gone", failure: noGroup, listDisks: async () => fail(noGroup) },
    {
      because: "the driver may not list the group",
      listDisks: async () => fail(denied),
      expected: denied,
    },
    {
      because: "the list has it in another case",
      listDisks: listing(diskUri.toUpperCase()),
      expected: notShown,
    },
    { because: "Azure does not list it", listDisks: async () => fail(outage), expected: outage },
    {
      because: "the read says something else",
      failure: denied,
      listDisks: () => assert.fail("the disks were listed"),
      expected: denied,
    },
  ];
  for (const { because, failure = notFound, listDisks, expected } of rows) {
    it(`${expected === undefined ? "confirms" : "denies"} it: ${because}`, async () => {
      const gone = await confirmDiskGone({ listDisks }, { diskUri, failure }, never);
      if (expected === undefined) assert.deepEqual(gone, ok(undefined));
      else assert.partialDeepStrictEqual(gone, { ok: false, failure: expected });
    });
  }
});

describe("a disk that a read does not find, and that Azure lists", () => {
  it("keeps its AzVolume, with the record, when a person deletes that", () =>
    withControllerPorts(async (world) => {
      const record = aRecord({ quarantined: [identity("node-a")] });
      const metadata = { finalizers: [VOLUME_FINALIZER] };
      await world.given("AzVolume", aVolume({ metadata, status: { detail: aDetail(), record } }));
      await world.answerOf(world.other.delete("AzVolume", "pvc-1", {}, never));
      const cloud = {
        ...world.ports.cloud,
        getDisk: async () => fail(notFound),
        listDisks: listing(diskUri),
      };
      const volume = world.volume();
      assert.ok(volume?.metadata.deletionTimestamp !== undefined);
      const answer = await world.answerOf(recreateVolume({ ...world.ports, cloud }, volume, never));
      assert.partialDeepStrictEqual(answer, { ok: false, failure: notShown });
      assert.equal(nodesIn(world.volume()?.status?.record, "quarantined").length, 1);
      const really = { ...cloud, listDisks: listing() };
      await world.answerOf(recreateVolume({ ...world.ports, cloud: really }, volume, never));
      assert.equal(world.volume(), undefined);
    }));

  it("leaves the record of a rollback as it was until it is shown", async () => {
    const volume = aVolume({ status: { detail: aDetail(), record: aRecord() } });
    const cloud = (listDisks: CloudProvisioner["listDisks"]): Parameters<typeof readRecordedDisk>[0] => ({
      cloud: { getDisk: async () => fail(notFound), listDisks } as unknown as CloudProvisioner,
    });
    const missed = await readRecordedDisk(cloud(listing(diskUri)), { volume, diskUri }, never);
    assert.partialDeepStrictEqual(missed, { ok: false, failure: notShown });
    const gone = await readRecordedDisk(cloud(listing()), { volume, diskUri }, never);
    assert.deepEqual(gone, ok({ volume, diskUri, disk: undefined }));
  });
});
