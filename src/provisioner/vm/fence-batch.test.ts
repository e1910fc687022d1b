import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { settledOn } from "../../adapters/virtual/testing/settled-on.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import type { ArmError, ArmOperationEnd, ArmVm } from "../arm/arm-api.ts";
import {
  anArmError,
  anEntry,
  anOperationError,
  aScriptedVm,
  diskUri,
  node,
  type ScriptedVm,
  type UpdateEnd,
  vmUri,
} from "../testing/scripted-vm.ts";
import type { VmRequest } from "./vm-request.ts";

const MINUTE_MS = 60_000;
const answering = { statusCodes: ["PowerState/running"], agentStatusCodes: ["ProvisioningState/succeeded"] };
const kinds = (answers: Awaited<ReturnType<ScriptedVm["fenceBatch"]>>): readonly string[] =>
  answers.map((answer) => (answer.ok ? answer.value.kind : answer.failure.kind));
const codes = (answers: Awaited<ReturnType<ScriptedVm["fenceBatch"]>>): readonly string[] =>
  answers.map((answer) =>
    !answer.ok && answer.failure.kind === "CloudUnavailable" ? answer.failure.code : "no code",
  );
/** When each update was sent, and what it forces off; undefined where it only moves the ETag. */
const sent = ({ updates }: ScriptedVm) =>
  updates.map(({ atMs, change }) => ({
    atMs,
    forced: change.dataDisks
      ?.filter((entry) => entry.toBeDetached === true)
      .map(({ name, detachOption }) => [name, detachOption === "ForceDetach"]),
  }));

function withDisk(
  overrides: Partial<ArmVm> = {},
  settings: Parameters<typeof aScriptedVm>[1] = {},
): ScriptedVm {
  const azure = aScriptedVm([anEntry("pvc-1", 0), anEntry("pvc-2", 1)], settings);
  azure.vm = { ...azure.vm, ...overrides };
  return azure;
}

describe("a batch of fences", () => {
  it("detaches its own disk alone, by force at once if the VM does not answer", async () => {
    const azure = withDisk();
    assert.deepEqual(kinds(await azure.fenceBatch(azure.request("fence", "pvc-1"))), ["proven"]);
    assert.deepEqual(sent(azure), [{ atMs: 0, forced: [["pvc-1", true]] }]);
    assert.deepEqual(
      azure.vm.dataDisks.map(({ name }) => name),
      ["pvc-2"],
    );
  });

  describe("whose update Azure answers without an operation", () => {
    /** The VM shows the result at once, and is at work for some seconds. */
    function untold(state: string): ScriptedVm {
      const azure = withDisk();
      azure.onUpdate = () => "untold";
      azure.onRead = (vm, { atMs }) => {
        if (vm.provisioningState !== "Updating") return vm;
        const dataDisks = vm.dataDisks.filter((entry) => entry.toBeDetached !== true);
        return { ...vm, dataDisks, provisioningState: atMs < 8000 ? "Updating" : state };
      };
      return azure;
    }

    for (const { kind, disk, proof } of [
      { kind: "fence", disk: "pvc-1", proof: "proven" },
      { kind: "prove", disk: "unlisted", proof: "proven" },
      { kind: "flush", disk: "unlisted", proof: "flushed" },
    ] as const)
      for (const state of ["Succeeded", "Failed"])
        it(`has the proof of a ${kind} once the VM is ${state}`, async () => {
          const azure = untold(state);
          const startedMs = azure.clock.elapsedMs();
          const request = azure.request(kind, disk);
          const settled = request.answer.then(() => azure.clock.elapsedMs() - startedMs);
          assert.deepEqual(kinds(await azure.fenceBatch(request)), [proof]);
          assert.ok((await settled) >= 8000, `${kind} ended after ${await settled} ms`);
          assert.equal(azure.updates.length, 1);
        });

    it("moves an ETag within a second where Azure is as fast as recorded", async () => {
      const azure = withDisk();
      azure.onUpdate = () => "untold";
      azure.onRead = (vm, { atMs }) => (atMs < 200 ? vm : { ...vm, provisioningState: "Succeeded" });
      const startedMs = azure.clock.elapsedMs();
      assert.deepEqual(kinds(await azure.fenceBatch(azure.request("flush", "unlisted"))), ["flushed"]);
      assert.ok(azure.clock.elapsedMs() - startedMs < 1000);
    });
  });

  describe("of a VM that lists a disk that does not exist", () => {
    /** Azure refuses each update of the VM that does not leave its entry out. */
    function haunted({ isGone = true } = {}): ScriptedVm {
      const azure = withDisk({ dataDisks: [anEntry("pvc-1", 0), anEntry("ghost", 1)] });
      azure.owners = (uri) => (uri === diskUri("ghost") && isGone ? undefined : []);
      azure.onUpdate = ({ change: { dataDisks: listed = azure.vm.dataDisks } }) =>
        listed.some(({ name }) => name === "ghost")
          ? anArmError({ statusCode: 404, code: "NotFound", message: "Disk ghost is not found." })
          : "carriedOut";
      return azure;
    }

    it("leaves its entry out once a read finds no such disk", async () => {
      for (const name of ["pvc-1", "unlisted", "ghost"]) {
        const azure = haunted();
        assert.deepEqual(kinds(await azure.fenceBatch(azure.request("fence", name))), ["proven"]);
        const isListed = azure.vm.dataDisks.some((entry) => entry.name === "ghost");
        assert.deepEqual([azure.updates.length, isListed], [2, false]);
      }
    });

    it("moves the ETag where another client has taken its entry out before", async () => {
      const azure = haunted();
      const refuse = azure.onUpdate;
      azure.onUpdate = (update, index) => {
        const { tags, dataDisks = azure.vm.dataDisks } = update.change;
        if (index === 1) {
          azure.vm = { ...azure.vm, etag: '"of-another"', dataDisks };
          return anArmError({ statusCode: 412, code: "PreconditionFailed", message: "changed" });
        }
        // Azure need not move the ETag for a list that is as before.
        const isChange = tags !== undefined || dataDisks.length < azure.vm.dataDisks.length;
        const refused = refuse(update, index);
        return refused === "carriedOut" && !isChange ? "ignored" : refused;
      };
      assert.deepEqual(kinds(await azure.fenceBatch(azure.request("flush", "unlisted"))), ["flushed"]);
    });

    it("leaves it listed where a read finds the disk", async () => {
      const azure = haunted({ isGone: false });
      const fenced = await azure.fenceBatch(azure.request("fence", "pvc-1"));
      assert.deepEqual(codes(fenced), ["NotFoundDuringFence"]);
      assert.deepEqual(
        azure.vm.dataDisks.map(({ name }) => name),
        ["pvc-1", "ghost"],
      );
    });
  });

  describe("beside a foreign detach", () => {
    const withMarked = (settings: Parameters<typeof aScriptedVm>[1] = {}): ScriptedVm =>
      withDisk({ dataDisks: [anEntry("pvc-1", 0), anEntry("pvc-2", 1, { toBeDetached: true })] }, settings);
    const both = [
      ["pvc-1", true],
      ["pvc-2", true],
    ];
    const ownOnly = [
      ["pvc-1", true],
      ["pvc-2", false],
    ];

    it("forces what it may of that with its own: the update ends once both are off", async () => {
      const azure = withMarked();
      const asked: (readonly string[])[] = [];
      const fence = azure.request("fence", "pvc-1", {
        forcedDetaches: (uris) => Promise.resolve((asked.push(uris), uris)),
      });
      assert.deepEqual(kinds(await azure.fenceBatch(fence)), ["proven"]);
      assert.deepEqual([asked, sent(azure)], [[[diskUri("pvc-2")]], [{ atMs: 0, forced: both }]]);
    });

    it("carries the rest out without force", async () => {
      const azure = withMarked();
      const proven = await azure.fenceBatch(
        azure.request("fence", "pvc-1"),
        azure.request("prove", "pvc-3", { forcedDetaches: (uris) => Promise.resolve(uris) }),
      );
      assert.deepEqual(kinds(proven), ["proven", "proven"]);
      assert.deepEqual(sent(azure), [{ atMs: 0, forced: ownOnly }]);
    });

    it("sends nothing for a caller that gives up while it says what may be forced", async () => {
      const azure = withDisk({
        dataDisks: [anEntry("pvc-1", 0), anEntry("pvc-2", 1, { toBeDetached: true }), anEntry("pvc-3", 2)],
      });
      const fence = azure.request("fence", "pvc-1", {
        forcedDetaches: (uris) => {
          fence.settle(fail({ kind: "Cancelled" }));
          return Promise.resolve(uris);
        },
      });
      const other = azure.request("fence", "pvc-3");
      assert.deepEqual(kinds(await azure.fenceBatch(fence, other)), ["Cancelled", "proven"]);
      const forced = [
        ["pvc-2", false],
        ["pvc-3", true],
      ];
      assert.deepEqual(sent(azure), [{ atMs: 0, forced }]);
    });

    it("sends nothing where that disk has a user by the second question", async () => {
      const azure = withMarked();
      const fence = azure.request("fence", "pvc-1", { forcedDetaches: () => Promise.resolve(undefined) });
      assert.deepEqual(codes(await azure.fenceBatch(fence)), ["OthersDetachPending"]);
      assert.deepEqual(sent(azure), []);
    });

    it("tries an update again that has failed, and that nothing is left of", async () => {
      const azure = withMarked();
      azure.onUpdate = (_, index) => (index === 0 ? anOperationError() : "carriedOut");
      assert.deepEqual(kinds(await azure.fenceBatch(azure.request("fence", "pvc-1"))), ["proven"]);
      assert.deepEqual(
        sent(azure).map(({ forced }) => forced),
        [ownOnly, ownOnly],
      );
    });

    it("forces no unmanaged disk, which Azure refuses", async () => {
      const azure = withDisk({
        dataDisks: [anEntry("pvc-1", 0), { lun: 1, name: "vhd", createOption: "Attach", toBeDetached: true }],
      });
      const fence = azure.request("fence", "pvc-1", { forcedDetaches: () => assert.fail("none is managed") });
      assert.deepEqual(kinds(await azure.fenceBatch(fence)), ["proven"]);
      assert.deepEqual(sent(azure)[0]?.forced, [
        ["pvc-1", true],
        ["vhd", false],
      ]);
    });

    it("forces that as soon as it may, where the update hangs with it", async () => {
      const azure = withMarked();
      azure.onUpdate = (_, index) => (index === 0 ? "hangs" : "carriedOut");
      const fence = azure.request("fence", "pvc-1", {
        forcedDetaches: (uris) => Promise.resolve(azure.clock.elapsedMs() < 3 * MINUTE_MS ? [] : uris),
      });
      assert.deepEqual(kinds(await azure.fenceBatch(fence)), ["proven"]);
      const [first, second, ...others] = sent(azure);
      assert.deepEqual([first?.forced, second?.forced, others], [ownOnly, both, []]);
      const afterMs = second?.atMs ?? Infinity;
      assert.ok(afterMs >= 3 * MINUTE_MS && afterMs < 3 * MINUTE_MS + 10_000, String(afterMs));
    });

    for (const polls of ["answered", "refused"] as const)
      it(`sends a hanging update once, and names the disk: polls are ${polls}`, async () => {
        const azure = withMarked();
        azure.onUpdate = () => "hangs";
        azure.onPoll = (end) => (polls === "refused" ? polls : end);
        const [fenced] = await azure.fenceBatch(azure.request("fence", "pvc-1"));
        assert.deepEqual(
          fenced?.ok === false && fenced.failure.kind === "CloudUnavailable" && fenced.failure.message,
          "the update of VM vm-a also detaches pvc-2, which others have asked for: it is not forced, and " +
            "has not ended",
        );
        assert.deepEqual(sent(azure), [{ atMs: 0, forced: ownOnly }]);
        assert.ok(azure.clock.elapsedMs() < 17 * MINUTE_MS, `${azure.clock.elapsedMs()} ms`);
      });

    it("blames no such disk for an operation of others that follows its own update", async () => {
      const azure = withMarked();
      azure.onUpdate = () => "hangs";
      azure.onPoll = (end) => (azure.clock.elapsedMs() < 2 * MINUTE_MS ? end : anOperationError());
      const [fenced] = await azure.fenceBatch(azure.request("fence", "pvc-1"));
      assert.ok(fenced?.ok === false && fenced.failure.kind === "CloudUnavailable");
      assert.match(
        fenced.failure.message,
        /^Azure works on an update, reimage or upgrade that this controller has not begun of VM vm-a; /,
      );
    });

    it("blames no disk of its own that a failed detach has left marked", async () => {
      const azure = withDisk(
        { ...answering, dataDisks: [anEntry("pvc-1", 0, { toBeDetached: true })] },
        { detachPatienceMs: 60 * MINUTE_MS },
      );
      azure.onUpdate = () => "hangs";
      azure.onPoll = () => "refused";
      const [fenced] = await azure.fenceBatch(azure.request("fence", "pvc-1"));
      assert.ok(fenced?.ok === false && fenced.failure.kind === "CloudUnavailable");
      assert.match(fenced.failure.message, /^Azure works on an update of VM vm-a; /);
    });
  });

  for (const [because, codesOfVm] of [
    [
      "it runs, and its agent does not answer",
      { statusCodes: answering.statusCodes, agentStatusCodes: ["ProvisioningState/unavailable"] },
    ],
    [
      "its agent is said to be well, and it is off",
      { statusCodes: ["PowerState/stopped"], agentStatusCodes: answering.agentStatusCodes },
    ],
  ] as const)
    it(`forces at once where ${because}`, async () => {
      const azure = withDisk(codesOfVm);
      assert.deepEqual(kinds(await azure.fenceBatch(azure.request("fence", "pvc-1"))), ["proven"]);
      assert.deepEqual(sent(azure)[0]?.forced, [["pvc-1", true]]);
    });

  describe("of a VM that answers", () => {
    it("requests a regular detach, with the VM's power state read", async () => {
      const azure = withDisk();
      const asked: boolean[] = [];
      azure.onRead = (vm, { instanceView }) => {
        asked.push(instanceView);
        return { ...vm, ...answering };
      };
      assert.deepEqual(kinds(await azure.fenceBatch(azure.request("fence", "pvc-1"))), ["proven"]);
      assert.deepEqual([sent(azure), asked], [[{ atMs: 0, forced: [["pvc-1", false]] }], [true, false]]);
    });

    it("forces after half a minute what a regular detach has not detached", async () => {
      const azure = withDisk(answering);
      azure.onUpdate = (_, index) => (index === 0 ? "hangs" : "carriedOut");
      assert.deepEqual(kinds(await azure.fenceBatch(azure.request("fence", "pvc-1"))), ["proven"]);
      const [first, second] = sent(azure);
      assert.deepEqual([first?.forced, second?.forced], [[["pvc-1", false]], [["pvc-1", true]]]);
      assert.ok(second !== undefined && second.atMs >= 30_000 && second.atMs < 40_000, `${second?.atMs} ms`);
    });

    it("forces at once after a regular detach that Azure reports done without effect", async () => {
      const azure = withDisk(answering);
      azure.onUpdate = (_, index) => {
        if (index > 0) return "carriedOut";
        azure.vm = { ...azure.vm, etag: `"moved"` };
        return "ignored";
      };
      assert.deepEqual(kinds(await azure.fenceBatch(azure.request("fence", "pvc-1"))), ["proven"]);
      assert.deepEqual(
        sent(azure).map(({ forced }) => forced),
        [[["pvc-1", false]], [["pvc-1", true]]],
      );
    });

    it("has half a minute in all, even if its regular detach never started", async () => {
      const azure = withDisk(answering);
      azure.onUpdate = (update) =>
        update.atMs < 29_000 ? anArmError({ statusCode: 412, code: "PreconditionFailed" }) : "carriedOut";
      assert.deepEqual(kinds(await azure.fenceBatch(azure.request("fence", "pvc-1"))), ["proven"]);
      for (const { atMs, forced } of sent(azure))
        assert.deepEqual(forced?.[0]?.[1], atMs >= 30_000, `${atMs} ms`);
    });
  });

  it("gives its own forced detach a quarter of an hour before it sends another", async () => {
    const azure = withDisk();
    azure.onUpdate = (_, index) => (index === 0 ? "hangs" : "carriedOut");
    assert.deepEqual(kinds(await azure.fenceBatch(azure.request("fence", "pvc-1"))), ["proven"]);
    const [first, second] = sent(azure);
    assert.deepEqual([first?.forced, second?.forced], [[["pvc-1", true]], [["pvc-1", true]]]);
    assert.ok(second !== undefined && second.atMs >= 15 * MINUTE_MS, `${second?.atMs} ms`);
  });

  describe("while Azure works on the VM", () => {
    const updating = { provisioningState: "Updating" };

    it("disturbs no update, reimage or upgrade of others, and reports it after a minute", async () => {
      const azure = withDisk(updating);
      const [fenced] = await azure.fenceBatch(azure.request("fence", "pvc-1"));
      assert.ok(fenced !== undefined && !fenced.ok && fenced.failure.kind === "CloudUnavailable");
      assert.deepEqual([fenced.failure.code, azure.updates], ["VmBeingUpdated", []]);
      assert.match(
        fenced.failure.message,
        /an update, reimage or upgrade that this controller has not begun/,
      );
      const tookMs = azure.clock.elapsedMs();
      assert.ok(tookMs >= MINUTE_MS && tookMs < MINUTE_MS + 6_000, `${tookMs} ms`);
    });

    describe("for longer than a batch waits", () => {
      /** When the VM was read by a batch of these requests, from the batch's start. */
      const readsOf = async (
        azure: ScriptedVm,
        ...requests: readonly VmRequest[]
      ): Promise<readonly number[]> => {
        const startedMs = azure.clock.elapsedMs();
        const readsMs: number[] = [];
        const before = azure.onRead;
        azure.onRead = (vm, asked) => {
          readsMs.push(azure.clock.elapsedMs() - startedMs);
          return before(vm, asked);
        };
        assert.deepEqual(
          codes(await azure.fenceBatch(...requests)),
          requests.map(() => "VmBeingUpdated"),
        );
        azure.onRead = before;
        return readsMs;
      };

      for (const kind of ["fence", "prove", "flush"] as const)
        it(`reads it every 5 s in later batches of a minute: ${kind}`, async () => {
          // Two queues of a VM that Azure updates for long used to spend 60 reads on it in each minute.
          const azure = aScriptedVm([]);
          azure.vm = { ...azure.vm, ...updating };
          const first = await readsOf(azure, azure.request(kind, "pvc-1"));
          assert.deepEqual([first.length, first.slice(0, 3)], [30, [0, 1_000, 2_000]]);
          for (let again = 0; again < 3; again++)
            assert.deepEqual(
              await readsOf(azure, azure.request(kind, "pvc-1")),
              Array.from({ length: 13 }, (_, index) => index * 5_000),
            );
        });

      it("reads it each second for a request that is new", async () => {
        const azure = withDisk(updating);
        await readsOf(azure, azure.request("fence", "pvc-1"));
        const [, second, third] = await readsOf(
          azure,
          azure.request("fence", "pvc-1"),
          azure.request("fence", "pvc-2"),
        );
        assert.deepEqual([second, third], [1_000, 2_000]);
      });

      it("reads it each second again once it was seen at rest in between", async () => {
        const azure = withDisk(updating);
        await readsOf(azure, azure.request("fence", "pvc-1"));
        azure.underWay.observe({ ...azure.vm, provisioningState: "Succeeded" });
        const [, second] = await readsOf(azure, azure.request("fence", "pvc-1"));
        assert.equal(second, 1_000);
      });

      it("reads it ever more rarely in a batch though its ETag moves all the time", async () => {
        const azure = withDisk(updating);
        azure.onRead = (vm, { atMs }) => ({ ...vm, etag: `"${atMs}"` });
        assert.equal((await readsOf(azure, azure.request("fence", "pvc-1"))).length, 30);
      });

      it("notices the end within 5 s", async () => {
        const azure = withDisk(updating);
        await readsOf(azure, azure.request("fence", "pvc-1"));
        azure.onRead = (vm, { atMs }) => (atMs >= 100_000 ? { ...vm, provisioningState: "Succeeded" } : vm);
        assert.deepEqual(kinds(await azure.fenceBatch(azure.request("fence", "pvc-1"))), ["proven"]);
        const [{ atMs } = { atMs: Infinity }] = azure.updates;
        assert.ok(atMs >= 100_000 && atMs <= 105_000, `${atMs} ms`);
      });
    });

    it("has a minute for each of several updates of others", async () => {
      const azure = withDisk(updating);
      const end = anArmError({ statusCode: 412, code: "PreconditionFailed" });
      azure.onRead = (vm, { atMs }) => {
        const isFree = azure.updates.length === 0 ? atMs >= 40_000 : atMs >= 85_000;
        return { ...vm, provisioningState: isFree ? "Succeeded" : "Updating" };
      };
      azure.onUpdate = (_, index) => (index === 0 ? end : "carriedOut");
      assert.deepEqual(kinds(await azure.fenceBatch(azure.request("fence", "pvc-1"))), ["proven"]);
    });

    it("waits for the end of another foreign detach, though its own disk is listed", async () => {
      const azure = withDisk({
        ...updating,
        dataDisks: [anEntry("pvc-1", 0), anEntry("pvc-2", 1, { toBeDetached: true })],
      });
      assert.deepEqual(codes(await azure.fenceBatch(azure.request("fence", "pvc-1"))), ["VmBeingUpdated"]);
      assert.deepEqual(azure.updates, []);
    });

    it("forces an earlier process's possible detach of its disk after four minutes", async () => {
      const marked = { ...updating, dataDisks: [anEntry("pvc-1", 0, { toBeDetached: true })] };
      const azure = withDisk(marked);
      assert.deepEqual(kinds(await azure.fenceBatch(azure.request("fence", "pvc-1"))), ["proven"]);
      const [first] = sent(azure);
      assert.deepEqual(first?.forced, [["pvc-1", true]]);
      assert.ok(first.atMs >= 4 * MINUTE_MS && first.atMs < 4 * MINUTE_MS + 6_000, `${first.atMs} ms`);

      const again = withDisk(marked);
      again.underWay.observe(again.vm);
      await again.clock.advance(3 * MINUTE_MS);
      assert.deepEqual(kinds(await again.fenceBatch(again.request("fence", "pvc-1"))), ["proven"]);
      const [second] = sent(again);
      assert.ok(
        second !== undefined && second.atMs >= 4 * MINUTE_MS && second.atMs < 4 * MINUTE_MS + 6_000,
        `${second?.atMs} ms`,
      );
    });

    it("does not report others' update if it may be a detach", async () => {
      const marked = { ...updating, dataDisks: [anEntry("pvc-1", 0, { toBeDetached: true })] };
      const azure = withDisk(marked, { detachPatienceMs: 60 * MINUTE_MS });
      const [fenced] = await azure.fenceBatch(azure.request("fence", "pvc-1"));
      assert.ok(fenced !== undefined && !fenced.ok && fenced.failure.kind === "CloudUnavailable");
      assert.match(fenced.failure.message, /^Azure works on an update of VM vm-a; /);
    });

    it("does not report others' update if it may be this process's own detach", async () => {
      // Proofs and write barriers poll no operation, and their events sent people after another client.
      for (const kind of ["prove", "flush"] as const) {
        const azure = withDisk(updating);
        const ended = Promise.withResolvers<Result<ArmOperationEnd, ArmError>>();
        const detach = {
          operation: { pollUrl: "operation-0", kind: "vm", retryAfterMs: undefined },
          ifMatch: `"0"`,
          takesOff: new Set(["pvc-2"]),
        } as const;
        const waiting = azure.underWay.during(detach, () => ended.promise);
        const [asked] = await azure.fenceBatch(azure.request(kind, "pvc-3"));
        assert.ok(asked !== undefined && !asked.ok && asked.failure.kind === "CloudUnavailable");
        assert.match(asked.failure.message, /^Azure works on an update of VM vm-a; /);
        ended.resolve(ok({}));
        await waiting;
      }
    });

    /** Fences while this process waits for its attach of another disk, whose polls answer `end`. */
    const fencedWhileAttaching = async (end: UpdateEnd | "refused") => {
      const azure = withDisk(updating);
      const operation = { pollUrl: "operation-0", kind: "vm", retryAfterMs: undefined } as const;
      const ended = Promise.withResolvers<Result<ArmOperationEnd, ArmError>>();
      const waiting = azure.underWay.during(
        { operation, ifMatch: `"0"`, takesOff: new Set() },
        () => ended.promise,
      );
      azure.onPoll = (other) => (azure.updates.length === 0 ? end : other);
      const answers = await azure.fenceBatch(azure.request("fence", "pvc-1"));
      ended.resolve(ok({}));
      await waiting;
      return { azure, answers };
    };

    it("forces at once if that is an update of this process by its poll", async () => {
      const { azure, answers } = await fencedWhileAttaching("hangs");
      assert.deepEqual(kinds(answers), ["proven"]);
      assert.deepEqual(sent(azure), [{ atMs: 0, forced: [["pvc-1", true]] }]);
    });

    for (const [because, end] of [
      ["has ended", "carriedOut"],
      ["has failed", anOperationError()],
      ["may have ended, which Azure does not say", "refused"],
    ] as const)
      it(`disturbs nothing if this process's update of another disk ${because}`, async () => {
        const { azure, answers } = await fencedWhileAttaching(end);
        assert.deepEqual([codes(answers), azure.updates], [["VmBeingUpdated"], []]);
      });

    for (const { because, end, fromMs, toMs } of [
      {
        because: "half a minute after it was begun, where its poll says that it runs",
        end: "hangs",
        fromMs: 30_000,
        toMs: 36_000,
      },
      {
        because: "four minutes after it was begun, where Azure does not say",
        end: "refused",
        fromMs: 240_000,
        toMs: 246_000,
      },
    ] as const)
      it(`forces after its own regular detach ${because}`, async () => {
        const azure = withDisk(answering);
        azure.onUpdate = (_, index) => (index === 0 ? "hangs" : "carriedOut");
        azure.onPoll = (ended) => (azure.updates.length === 1 ? end : ended);
        assert.deepEqual(kinds(await azure.fenceBatch(azure.request("fence", "pvc-1"))), ["proven"]);
        const [, second] = sent(azure);
        assert.ok(second !== undefined && second.atMs >= fromMs && second.atMs < toMs, `${second?.atMs} ms`);
      });

    it("waits for others once its own regular detach is known to have failed", async () => {
      const azure = withDisk(answering);
      azure.onUpdate = () => "hangs";
      // Others' reimage begins as soon as the detach has failed, so that the VM is never seen at rest.
      azure.onPoll = () => (azure.clock.elapsedMs() > startedMs + 20_000 ? anOperationError() : "hangs");
      const startedMs = azure.clock.elapsedMs();
      assert.deepEqual(codes(await azure.fenceBatch(azure.request("fence", "pvc-1"))), ["VmBeingUpdated"]);
      assert.equal(azure.updates.length, 1);
    });
  });

  describe("of a disk that is off already", () => {
    const off = (): ScriptedVm => {
      const azure = aScriptedVm([anEntry("pvc-2", 1)]);
      azure.vm = { ...azure.vm, ...answering };
      return azure;
    };

    it("moves the VM's ETag all the same, and detaches nothing", async () => {
      const azure = off();
      const [fenced] = await azure.fenceBatch(azure.request("fence", "pvc-1"));
      const detail = `VM vm-a (guid-a) has no entry for the disk; its ETag moved from "1" to "2"`;
      assert.deepEqual(fenced, { ok: true, value: { kind: "proven", proof: { kind: "entryGone", detail } } });
      assert.deepEqual(
        azure.updates.map(({ change }) => change),
        [{}],
      );
    });

    it("tries larger writes, up to a tag on the VM, while the ETag does not move", async () => {
      const azure = off();
      azure.onUpdate = ({ change }) => (change.tags === undefined ? "ignored" : "carriedOut");
      assert.deepEqual(kinds(await azure.fenceBatch(azure.request("fence", "pvc-1"))), ["proven"]);
      const [first, second, third] = azure.updates.map(({ change }) => change);
      assert.deepEqual([first, second], [{}, { dataDisks: [anEntry("pvc-2", 1)] }]);
      assert.deepEqual(
        [Object.keys(third?.tags ?? {}).toSorted(), third?.tags?.["team"]],
        [["disk.csi.azure.com-fence", "team"], "storage"],
      );
    });

    it("writes nothing for ten minutes where no write moves the ETag, then once", async () => {
      // Otherwise a VM whose ETag nothing moves would take the writes that attaches need, for ever.
      const azure = off();
      azure.onUpdate = () => "ignored";
      const pass = async (): Promise<number> => {
        const before = azure.updates.length;
        const ended = await azure.fenceBatch(
          azure.request("fence", "pvc-1"),
          azure.request("flush", "pvc-3"),
        );
        const failure = { nodeName: "node-a", instanceUri: node.instanceUri, retryAfterMs: 60_000 };
        const expected = { ok: false, failure: { kind: "EtagNotMoved", ...failure } };
        assert.deepEqual(ended, [expected, expected]);
        return azure.updates.length - before;
      };
      assert.deepEqual([await pass(), await pass()], [3, 0]);
      await settledOn(azure.clock, azure.clock.sleep(600_000, new AbortController().signal));
      assert.deepEqual([await pass(), await pass()], [1, 0]);
    });

    it("detaches a listed disk although no write of an unchanged VM moves its ETag", async () => {
      const azure = off();
      azure.onUpdate = () => "ignored";
      await azure.fenceBatch(azure.request("fence", "pvc-1"));
      azure.onUpdate = () => "carriedOut";
      assert.deepEqual(kinds(await azure.fenceBatch(azure.request("fence", "pvc-2"))), ["proven"]);
    });

    it("has its proof where the reads after the largest write only lag behind it", async () => {
      const azure = off();
      let stale: ArmVm | undefined;
      let lags = 0;
      azure.onUpdate = ({ change }) => {
        if (change.tags === undefined) return "ignored";
        stale = azure.vm;
        return "carriedOut";
      };
      let current: ArmVm | undefined;
      azure.onRead = (vm) => {
        if (stale === undefined) return vm;
        current ??= vm;
        return lags++ < 3 ? stale : current;
      };
      assert.deepEqual(kinds(await azure.fenceBatch(azure.request("fence", "pvc-1"))), ["proven"]);
      assert.equal(azure.updates.length, 3);
    });

    it("takes the deletion of a VM whose ETag nothing moves as proof", async () => {
      const azure = off();
      azure.onUpdate = () => "ignored";
      await azure.fenceBatch(azure.request("fence", "pvc-1"));
      azure.onRead = () => anArmError({ statusCode: 404, code: "ResourceNotFound" });
      const [ended] = await azure.fenceBatch(azure.request("fence", "pvc-1"));
      assert.equal(
        ended?.ok === true && ended.value.kind === "proven" && ended.value.proof.kind,
        "instanceGone",
      );
    });

    it("has no proof while the disk names its VM, or an owner that may be its VM", async () => {
      // A second writer would follow if the disk were on the VM after all.
      const elsewhere = vmUri.replace("vm-a", "vm-b");
      for (const { owner, isOff } of [
        { owner: vmUri.toUpperCase(), isOff: false },
        // The id that the VM itself answers may be spelled in another way than that of the node.
        { owner: "/vm-a-as-the-model-says", isOff: false },
        { owner: `${vmUri}/extra`, isOff: false },
        { owner: "vm-b", isOff: false },
        { owner: elsewhere, isOff: true },
      ]) {
        const azure = off();
        azure.vm = { ...azure.vm, id: "/vm-a-as-the-model-says" };
        azure.owners = () => [elsewhere, owner];
        const [ended] = await azure.fenceBatch(azure.request("fence", "pvc-1"));
        assert.equal(ended?.ok, isOff, owner);
        if (!isOff) assert.deepEqual(codes(ended === undefined ? [] : [ended]), ["DiskStillOwned"], owner);
      }
    });

    it("has its proof once a read shows another ETag and no operation under way", async () => {
      const azure = off();
      azure.onUpdate = () => {
        azure.vm = { ...azure.vm, etag: `"2"` };
        return "hangs";
      };
      azure.onRead = (vm) => (azure.updates.length === 0 ? vm : { ...vm, provisioningState: "Succeeded" });
      assert.deepEqual(kinds(await azure.fenceBatch(azure.request("fence", "pvc-1"))), ["proven"]);
      assert.ok(azure.clock.elapsedMs() < 10_000, `${azure.clock.elapsedMs()} ms`);
    });

    it("has no proof by a read that shows the old ETag, or an operation under way", async () => {
      for (const seen of [{ etag: `"1"` }, { etag: `"2"`, provisioningState: "Updating" }]) {
        const azure = off();
        azure.onUpdate = () => "hangs";
        azure.onRead = (vm) =>
          azure.updates.length === 0 ? vm : { ...vm, provisioningState: "Succeeded", ...seen };
        assert.deepEqual(kinds(await azure.fenceBatch(azure.request("fence", "pvc-1"))), [
          "CloudUnavailable",
        ]);
        const secondMs = azure.updates[1]?.atMs ?? Infinity;
        assert.ok(secondMs >= MINUTE_MS, `the write was waited for until ${secondMs} ms`);
      }
    });

    it("has no proof by an ETag that others moved, if its own write was refused", async () => {
      const azure = off();
      azure.onUpdate = (_, index) => {
        if (index > 0) return "carriedOut";
        azure.vm = { ...azure.vm, etag: `"others"` };
        return anArmError({ statusCode: 412, code: "PreconditionFailed" });
      };
      assert.deepEqual(kinds(await azure.fenceBatch(azure.request("fence", "pvc-1"))), ["proven"]);
      assert.deepEqual(
        azure.updates.map(({ ifMatch }) => ifMatch),
        [`"1"`, `"others"`],
      );
    });

    it("learns nothing of a kind of write from a failed one that left the ETag as it was", async () => {
      const azure = off();
      azure.onUpdate = (_, index) => (index === 0 ? anOperationError() : "carriedOut");
      assert.deepEqual(kinds(await azure.fenceBatch(azure.request("fence", "pvc-1"))), ["proven"]);
      assert.deepEqual(
        azure.updates.map(({ change }) => change),
        [{}, {}],
      );
    });
  });

  it("has no proof by an update after which another VM is there, and checks that VM", async () => {
    const azure = withDisk();
    azure.onUpdate = () => {
      azure.vm = { ...azure.vm, vmId: "guid-of-another", etag: `"9"`, dataDisks: [] };
      return "ignored";
    };
    azure.owners = () => [vmUri];
    const [fenced] = await azure.fenceBatch(azure.request("fence", "pvc-1"));
    assert.ok(
      fenced?.ok !== true || (fenced.value.kind === "proven" && fenced.value.proof.kind !== "entryGone"),
      JSON.stringify(fenced),
    );
  });

  it("passes the barrier of a replacing VM by its own update, whatever its ETag", async () => {
    for (const etag of [`"1"`, `"9"`]) {
      const azure = withDisk();
      azure.onUpdate = (_, index) => {
        if (index > 0) return "carriedOut";
        azure.vm = { ...azure.vm, vmId: "guid-of-another", etag, dataDisks: [] };
        return "ignored";
      };
      assert.deepEqual(kinds(await azure.fenceBatch(azure.request("flush", "pvc-1"))), ["flushed"]);
      assert.deepEqual(
        azure.updates.map(({ ifMatch, change }) => [ifMatch, change]),
        [
          [`"1"`, {}],
          [etag, {}],
        ],
      );
      assert.ok(azure.clock.elapsedMs() < 10_000, "no back-off: nothing went wrong");
    }
  });

  describe("whose update fails", () => {
    const ends: readonly {
      readonly because: string;
      readonly end: UpdateEnd;
      readonly kind: string;
      readonly updates: number;
    }[] = [
      {
        because: "an operation that failed is tried twice more, then it is Azure's answer",
        end: anOperationError(),
        kind: "CloudUnavailable",
        updates: 3,
      },
      {
        because: "a request that Azure rejects is its answer at once",
        end: anArmError({ code: "Locked" }),
        kind: "CloudRejected",
        updates: 1,
      },
    ];
    for (const { because, end, kind, updates } of ends)
      it(because, async () => {
        const azure = withDisk();
        azure.onUpdate = () => end;
        assert.deepEqual(kinds(await azure.fenceBatch(azure.request("fence", "pvc-1"))), [kind]);
        assert.equal(azure.updates.length, updates);
      });

    it("counts only operations that failed, not a VM that others change in between", async () => {
      const azure = withDisk();
      const changed = anArmError({ statusCode: 412, code: "PreconditionFailed" });
      azure.onUpdate = (_, index) => [changed, changed, anOperationError()][index] ?? "carriedOut";
      assert.deepEqual(kinds(await azure.fenceBatch(azure.request("fence", "pvc-1"))), ["proven"]);
      assert.equal(azure.updates.length, 4);
    });

    it("has its proof by the next read if the failed operation has done its work", async () => {
      const azure = withDisk();
      azure.onUpdate = () => {
        azure.vm = { ...azure.vm, etag: `"2"`, dataDisks: [anEntry("pvc-2", 1)] };
        return anOperationError();
      };
      assert.deepEqual(kinds(await azure.fenceBatch(azure.request("fence", "pvc-1"))), ["proven"]);
      assert.equal(azure.updates.length, 1);
    });

    for (const atFault of ["pvc-1", "pvc-2"])
      it(`fails for the disk at fault alone: ${atFault}`, async () => {
        const azure = withDisk();
        azure.onUpdate = ({ change }) =>
          (change.dataDisks ?? []).some(({ name, toBeDetached }) => name === atFault && toBeDetached === true)
            ? anArmError({ code: "Locked" })
            : "carriedOut";
        const names = ["pvc-1", "pvc-2"];
        const ends = kinds(await azure.fenceBatch(...names.map((name) => azure.request("fence", name))));
        assert.deepEqual(
          ends,
          names.map((name) => (name === atFault ? "CloudRejected" : "proven")),
        );
      });

    it("reads again if the VM is reported gone", async () => {
      const azure = withDisk();
      azure.onUpdate = (_, index) =>
        index === 0
          ? anArmError({ statusCode: 404, code: "ResourceNotFound", message: "virtualMachines/vm-a" })
          : "carriedOut";
      assert.deepEqual(kinds(await azure.fenceBatch(azure.request("fence", "pvc-1"))), ["proven"]);
    });
  });

  it("passes any VM's barrier by one move of its ETag, whatever it lists", async () => {
    const azure = withDisk({ vmId: "guid-of-another" });
    azure.onRead = (vm, { instanceView }) => (instanceView ? assert.fail("the guest can't help") : vm);
    assert.deepEqual(kinds(await azure.fenceBatch(azure.request("flush", "pvc-1"))), ["flushed"]);
    assert.deepEqual(
      azure.updates.map(({ change }) => change),
      [{}],
    );
  });

  it("asks the others of a batch about the marked disk of a fence that has to wait", async () => {
    const marked = { toBeDetached: true };
    const azure = withDisk({
      dataDisks: [anEntry("pvc-1", 0, marked), anEntry("pvc-2", 1), anEntry("others", 2, marked)],
    });
    const asked: (readonly string[])[] = [];
    const waits = azure.request("fence", "pvc-1", { mayCompleteDetach: () => Promise.resolve(false) });
    const spares = azure.request("fence", "pvc-2", {
      mayCompleteDetach: (uris) => {
        asked.push(uris);
        return Promise.resolve(!uris.includes(diskUri("pvc-1")));
      },
    });
    assert.deepEqual(codes(await azure.fenceBatch(waits, spares)), [
      "OthersDetachPending",
      "OthersDetachPending",
    ]);
    assert.deepEqual(
      [asked, azure.updates],
      [[[diskUri("others")], [diskUri("pvc-1"), diskUri("others")]], []],
    );
  });

  it("moves the ETag for a write barrier beside a refused fence, and detaches nothing", async () => {
    const azure = withDisk();
    const refused = azure.request("fence", "pvc-1", { precondition: () => Promise.resolve(false) });
    assert.deepEqual(kinds(await azure.fenceBatch(refused, azure.request("flush", "pvc-2"))), [
      "Refused",
      "flushed",
    ]);
    assert.deepEqual(
      azure.updates.map(({ change }) => change),
      [{}],
    );
  });

  it("answers a proof request at once if the disk is listed, and writes nothing", async () => {
    const azure = withDisk();
    assert.deepEqual(
      kinds(await azure.fenceBatch(azure.request("prove", "pvc-1", { node: { ...node, vmId: "guid-A" } }))),
      ["listed"],
    );
    assert.equal(azure.updates.length, 0);
  });

  it("treats a VM without its ETag or its GUID as no answer", async () => {
    for (const [missing, what] of [
      [{ etag: "" }, "an ETag"],
      [{ vmId: "" }, "a vmId"],
    ] as const) {
      const azure = withDisk(missing, { retriesMax: 0 });
      const [fenced] = await azure.fenceBatch(azure.request("fence", "pvc-1"));
      assert.ok(fenced !== undefined && !fenced.ok && fenced.failure.kind === "CloudUnavailable");
      assert.deepEqual(
        [fenced.failure.code, fenced.failure.message],
        ["IncompleteVm", `VM vm-a was answered without ${what}`],
      );
      assert.equal(azure.updates.length, 0);
    }
  });

  it("waits as long as Azure asks for in a refusal, and no longer", async () => {
    const azure = aScriptedVm([anEntry("old", 0)]);
    azure.onUpdate = (_, index) =>
      index === 0 ? anArmError({ statusCode: 503, code: "ServerBusy", retryAfterMs: 2000 }) : "carriedOut";
    assert.deepEqual(kinds(await azure.fenceBatch(azure.request("fence", "old"))), ["proven"]);
    assert.deepEqual(
      azure.updates.map(({ atMs }) => atMs),
      [0, 2000],
    );
  });

  it("names the fault if it can prove nothing", async () => {
    const still = withDisk({}, { retriesMax: 0 });
    still.onUpdate = () => {
      still.vm = { ...still.vm, etag: `"2"` };
      return "ignored";
    };
    assert.deepEqual(codes(await still.fenceBatch(still.request("fence", "pvc-1"))), ["DiskStillAttached"]);
    const same = withDisk({}, { retriesMax: 0 });
    same.onUpdate = () => "ignored";
    assert.deepEqual(codes(await same.fenceBatch(same.request("fence", "pvc-1"))), ["EtagNotMoved"]);
  });
});
