import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ArmDataDisk } from "../../arm/arm-api.ts";
import {
  anArmError,
  anEntry,
  anOperationError,
  aScriptedVm,
  diskUri,
  type ScriptedVm,
  type SentUpdate,
  type UpdateEnd,
  vmUri,
} from "../../testing/scripted-vm.ts";
import type { VmRequest } from "../vm-request.ts";
import { FailedAttaches } from "./failed-attaches.ts";

const gone = anArmError({ statusCode: 404, code: "ResourceNotFound" });
const missed = (name: string): ReturnType<typeof anArmError> =>
  anArmError({ statusCode: 404, code: "NotFound", message: `Disk ${name} is not found.` });
const attachesBad = ({ name, toBeDetached }: ArmDataDisk): boolean =>
  name === "pvc-bad" && toBeDetached !== true;
const kindOf = ([answer]: Awaited<ReturnType<ScriptedVm["attachBatch"]>>): string | undefined =>
  answer?.ok === true ? answer.value.kind : answer?.failure.kind;
const run = async (azure: ScriptedVm, request: VmRequest): Promise<string | undefined> =>
  kindOf(await azure.attachBatch(request));
/** Each update's entries, with what becomes of them. */
const sent = ({ updates }: ScriptedVm): readonly (readonly string[])[] =>
  updates.map(({ change }) =>
    (change.dataDisks ?? []).map(({ name, toBeDetached }) => `${name}${toBeDetached === true ? " off" : ""}`),
  );

/** A VM whose updates fail while they attach `pvc-bad`, and leave what they list. */
function aPoisonedVm(listed: readonly ArmDataDisk[] = []): ScriptedVm {
  const azure = aScriptedVm(listed);
  if (listed.some(attachesBad)) azure.vm = { ...azure.vm, provisioningState: "Failed" };
  azure.onUpdate = (update) =>
    (update.change.dataDisks ?? []).some(attachesBad) ? failedAndKept(azure, update) : "carriedOut";
  return azure;
}

/** Azure has failed an update, which leaves what it lists on the VM. */
function failedAndKept(azure: ScriptedVm, { change: { dataDisks = [] } }: SentUpdate): UpdateEnd {
  azure.vm = { ...azure.vm, etag: `"failed"`, provisioningState: "Failed", dataDisks };
  return anOperationError();
}

/** The same after an attach of `pvc-bad` whose entry Azure did not take out either. */
async function aVmWithLeftover(): Promise<ScriptedVm> {
  const azure = aPoisonedVm();
  const { onUpdate } = azure;
  azure.onUpdate = (update, index) =>
    index === 1 ? anArmError({ statusCode: 409, code: "OperationNotAllowed" }) : onUpdate(update, index);
  assert.equal(await run(azure, azure.request("attach", "pvc-bad")), "CloudUnavailable");
  assert.deepEqual(sent(azure), [["pvc-bad"], ["pvc-bad off"]]);
  return azure;
}

describe("an entry that a failed attach has left", () => {
  it("goes with the next attach of another disk, which it would fail", async () => {
    const azure = await aVmWithLeftover();
    assert.equal(await run(azure, azure.request("attach", "good")), "attached");
    assert.deepEqual(sent(azure).slice(2), [["pvc-bad off", "good"]]);
  });

  it("goes with the next detach of another disk as well", async () => {
    const azure = await aVmWithLeftover();
    azure.vm = { ...azure.vm, dataDisks: [...azure.vm.dataDisks, anEntry("leaves", 1)] };
    assert.equal(await run(azure, azure.request("detach", "leaves")), "detached");
    assert.deepEqual(sent(azure).slice(2), [["pvc-bad off", "leaves off"]]);
  });

  it("is tried again by the next attach of its own disk", async () => {
    const azure = await aVmWithLeftover();
    azure.onUpdate = () => "carriedOut";
    assert.equal(await run(azure, azure.request("attach", "pvc-bad")), "attached");
    assert.deepEqual(sent(azure).slice(2), [["pvc-bad"]]);
  });

  const kept: readonly (readonly [because: string, change: (azure: ScriptedVm) => void])[] = [
    [
      "its disk names the VM by now: a pod may use it",
      (azure) => {
        azure.owners = () => [vmUri];
      },
    ],
    [
      "its disk can't be read: a pod may use it",
      (azure) => {
        azure.owners = () => anArmError({ statusCode: 403, code: "AuthorizationFailed" });
      },
    ],
    [
      "another client's update has repaired the VM",
      (azure) => {
        azure.vm = { ...azure.vm, etag: `"repaired"`, provisioningState: "Succeeded" };
      },
    ],
  ];
  for (const [because, change] of kept)
    it(`stays: ${because}`, async () => {
      const azure = await aVmWithLeftover();
      azure.onUpdate = () => "carriedOut";
      change(azure);
      await run(azure, azure.request("attach", "good"));
      assert.deepEqual(sent(azure).slice(2), [["pvc-bad", "good"]]);
    });

  it("stays once the disk has been attached, though a later read does not show it", async () => {
    const azure = aPoisonedVm();
    let reads = 0;
    azure.owners = (uri) => (uri === diskUri("good") && reads++ === 0 ? [vmUri] : []);
    azure.onUpdate = (update) => failedAndKept(azure, update);
    assert.equal(await run(azure, azure.request("attach", "good")), "attached");
    azure.onUpdate = () => "carriedOut";
    assert.equal(await run(azure, azure.request("attach", "other")), "attached");
    assert.deepEqual(sent(azure), [["good"], ["good", "other"]]);
  });

  it("stays once its disk has named the VM, though a later read does not show it", async () => {
    const azure = await aVmWithLeftover();
    let reads = 0;
    azure.owners = (uri) => (uri === diskUri("pvc-bad") && reads++ === 0 ? [vmUri] : []);
    azure.onUpdate = (update) => failedAndKept(azure, update);
    await run(azure, azure.request("attach", "good"));
    azure.onUpdate = () => "carriedOut";
    await run(azure, azure.request("attach", "next"));
    assert.ok(
      reads > 0 &&
        sent(azure)
          .slice(2)
          .every(([first]) => first === "pvc-bad"),
    );
  });

  it("needs no consent of others where taking it out has left its mark", async () => {
    const azure = await aVmWithLeftover();
    azure.vm = { ...azure.vm, dataDisks: [anEntry("pvc-bad", 0, { toBeDetached: true })] };
    const mayCarryOut = (): Promise<boolean> => assert.fail("no other client detaches it");
    assert.equal(await run(azure, azure.request("attach", "good", { mayCarryOut })), "attached");
  });

  it("stays if it was there before and the node may hold its volume", async () => {
    for (const isFree of [true, false]) {
      const azure = aPoisonedVm([anEntry("pvc-bad", 0)]);
      const forcePrecondition = (): Promise<boolean> => Promise.resolve(isFree);
      const bad = azure.request("attach", "pvc-bad", { forcePrecondition });
      assert.equal(await run(azure, bad), "CloudUnavailable");
      assert.deepEqual(sent(azure), isFree ? [["pvc-bad"], ["pvc-bad off"]] : [["pvc-bad"]]);
    }
  });

  it("stays if another client has made it", async () => {
    const azure = aPoisonedVm([anEntry("pvc-bad", 0)]);
    assert.equal(await run(azure, azure.request("attach", "good")), "CloudUnavailable");
    const kept = sent(azure).every(([first]) => first === "pvc-bad");
    assert.ok(kept, JSON.stringify(sent(azure)));
  });

  it("is forgotten with the VM that had it", async () => {
    const azure = await aVmWithLeftover();
    azure.vm = { ...azure.vm, vmId: "guid-b" };
    await run(azure, azure.request("attach", "good"));
    azure.vm = { ...azure.vm, vmId: "guid-a" };
    await run(azure, azure.request("attach", "good"));
    assert.deepEqual(sent(azure)[2], ["pvc-bad", "good"]);
  });

  it("is remembered without its batch until the VM is seen without it", async () => {
    const { vm, request } = aScriptedVm([anEntry("pvc-1", 0)]);
    const known = new FailedAttaches();
    known.saw(vm);
    known.attachFailed(request("attach", "pvc-1"), { wasListed: false });
    for (const provisioningState of ["Failed", "Updating"]) known.saw({ ...vm, provisioningState });
    assert.ok(!known.isEmpty);
    known.saw({ ...vm, provisioningState: "Failed", dataDisks: [] });
    assert.ok(known.isEmpty);
  });

  it("is forgotten when the VM is repaired", () => {
    const { vm, request } = aScriptedVm([anEntry("pvc-1", 0)]);
    const known = new FailedAttaches();
    known.saw(vm);
    known.attachFailed(request("attach", "pvc-1"), { wasListed: false });
    known.saw({ ...vm, provisioningState: "Succeeded" });
    assert.ok(known.isEmpty);
  });

  it("counts as the driver's own once its update has made it, also when repeated", async () => {
    const { vm, request } = aScriptedVm([anEntry("pvc-1", 0)]);
    const known = new FailedAttaches();
    known.saw(vm);
    const attach = request("attach", "pvc-1");
    for (const wasListed of [false, true]) known.attachFailed(attach, { wasListed });
    assert.deepEqual(
      known.suspects.map(({ ownAttach }) => ownAttach?.wasListed),
      [false],
    );
  });
});

describe("an entry whose disk Azure does not find", () => {
  /** A VM whose updates are refused while they list `others`, even as one to detach. */
  function aVmThatMisses(listed: readonly ArmDataDisk[]): ScriptedVm {
    const azure = aScriptedVm(listed);
    azure.owners = (uri) => (uri === diskUri("others") ? gone : []);
    azure.onUpdate = ({ change: { dataDisks = [] } }) =>
      dataDisks.some(({ name }) => name === "others") ? missed("others") : "carriedOut";
    return azure;
  }

  it("is left out once the disk is gone, and the attach succeeds at once", async () => {
    const azure = aVmThatMisses([anEntry("others", 0), anEntry("kept", 1)]);
    assert.equal(await run(azure, azure.request("attach", "good")), "attached");
    assert.deepEqual(sent(azure), [
      ["others", "kept", "good"],
      ["kept", "good"],
    ]);
  });

  it("is left out for the detach of its own disk too", async () => {
    const azure = aVmThatMisses([anEntry("others", 0)]);
    assert.equal(await run(azure, azure.request("detach", "others")), "detached");
    assert.deepEqual(sent(azure), [["others off"], []]);
  });

  it("stays where the disk itself is there, and no other disk is called missing", async () => {
    for (const shown of [[], [vmUri], anArmError({ statusCode: 403, code: "AuthorizationFailed" })]) {
      const azure = aVmThatMisses([anEntry("others", 0)]);
      azure.owners = () => shown;
      assert.equal(await run(azure, azure.request("attach", "good")), "CloudRejected");
      assert.deepEqual(sent(azure), [["others", "good"]]);
    }
  });

  it("stays where an error names it that misses no disk", async () => {
    const azure = aVmThatMisses([anEntry("others", 0)]);
    azure.onUpdate = () => anArmError({ message: "Disk others is locked." });
    assert.equal(await run(azure, azure.request("attach", "good")), "CloudRejected");
    assert.deepEqual(sent(azure), [["others", "good"]]);
  });

  it("stays in the next update too once its disk was read", async () => {
    const azure = aVmThatMisses([anEntry("others", 0)]);
    azure.owners = () => [];
    assert.equal(await run(azure, azure.request("attach", "good")), "CloudRejected");
    azure.owners = (uri) => (uri === diskUri("others") ? gone : []);
    assert.equal(await run(azure, azure.request("attach", "next")), "attached");
    assert.deepEqual(sent(azure), [["others", "good"], ["others", "next"], ["next"]]);
  });

  it("is remembered beside the driver's own attach of the disk, in either order", () => {
    const { vm, request } = aScriptedVm([anEntry("pvc-1", 0)]);
    const attach = request("attach", "pvc-1");
    const { diskKey, spec } = attach;
    const ownAttach = { request: attach, wasListed: true };
    const both = { diskKey, diskUri: spec.diskUri, ownAttach, isMissed: true };
    const known = new FailedAttaches();
    known.saw(vm);
    known.diskMissed(anEntry("pvc-1", 0));
    known.saw(vm);
    known.attachFailed(attach, { wasListed: true });
    assert.deepEqual(known.suspects, [both]);
    known.diskFound(diskKey);
    assert.deepEqual(known.suspects, [{ ...both, isMissed: false }]);
    known.diskMissed(anEntry("pvc-1", 0));
    assert.deepEqual(known.suspects, [both]);
  });

  it("is forgotten once the VM does not list it", () => {
    const { vm } = aScriptedVm([anEntry("pvc-1", 0)]);
    const known = new FailedAttaches();
    known.saw(vm);
    known.diskMissed(anEntry("pvc-1", 0));
    known.saw({ ...vm, dataDisks: [] });
    assert.ok(known.isEmpty);
  });
});
