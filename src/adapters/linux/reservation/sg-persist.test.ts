import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { describeFailure } from "../../../core/failure/describe-failure.ts";
import { ok } from "../../../core/failure/result.ts";
import { readHolder } from "./read-holder.ts";
import { readReservation } from "./read-reservation.ts";
import { releaseReservation } from "./release-reservation.ts";
import { aDisk, device, heldBy, NOT_HELD } from "./testing/a-disk.ts";

const never = new AbortController().signal;
const key = "617a00000000000a";
const [ILLEGAL_REQUEST, UNIT_ATTENTION, INVALID_OPCODE, CONFLICT, NOT_READY] = [5, 6, 9, 24, 2];

describe("readReservation", () => {
  it("reads without a change, past no command on the disk", async () => {
    const { host, commands } = aDisk({ "--read-reservation": [heldBy(key)] });
    assert.deepEqual(await readReservation(host, device, never), ok(key));
    assert.deepEqual(
      commands.map(({ program, args, touches, changes }) => ({ program, args, touches, changes })),
      [
        {
          program: "sg_persist",
          args: ["--no-inquiry", "--readonly", "--in", "--read-reservation", "/dev/sdc"],
          touches: [],
          changes: false,
        },
      ],
    );
  });

  it("reads that no machine holds the disk", async () => {
    const { host } = aDisk({ "--read-reservation": [NOT_HELD] });
    assert.deepEqual(await readReservation(host, device, never), ok(undefined));
  });

  for (const { exits, kind, because } of [
    { exits: [heldBy(key, "Exclusive Access")], kind: "DeviceBusy", because: "it is of another type" },
    { exits: [INVALID_OPCODE], kind: "Unsupported", because: "the disk knows no reservations" },
    { exits: [ILLEGAL_REQUEST], kind: "Unsupported", because: "the disk refuses the question" },
    { exits: [NOT_READY], kind: "HostCommandFailed", because: "the disk is not ready" },
    { exits: ["something else"], kind: "HostCommandFailed", because: "the answer is unknown" },
    { exits: [UNIT_ATTENTION], kind: "HostCommandFailed", because: "events do not end" },
  ])
    it(`answers ${kind} where ${because}`, async () => {
      const read = await readReservation(aDisk({ "--read-reservation": exits }).host, device, never);
      assert.equal(read.ok ? "success" : read.failure.kind, kind);
    });

  it("names the device and the disk's words where it has no reservations", async () => {
    const read = await readReservation(aDisk({ "--read-reservation": [9] }).host, device, never);
    assert.equal(
      read.ok ? "success" : describeFailure(read.failure),
      "a persistent reservation of /dev/sdc, which refuses sg_persist --read-reservation (PR out: what it " +
        "says), is not supported by this version of the driver",
    );
  });

  it("asks again past the events that a disk reports", async () => {
    const exits = [UNIT_ATTENTION, UNIT_ATTENTION, heldBy(key)];
    assert.deepEqual(
      await readReservation(aDisk({ "--read-reservation": exits }).host, device, never),
      ok(key),
    );
  });
});

describe("releaseReservation", () => {
  it("unregisters exactly its key, as a command that changes the disk", async () => {
    const { host, commands } = aDisk({});
    assert.deepEqual(await releaseReservation(host, { device, key }, never), ok(undefined));
    assert.deepEqual(
      commands.map(({ args, touches, changes }) => ({ args: args.slice(2), touches, changes })),
      [
        {
          args: [
            "--out",
            "--register",
            "--param-rk=617a00000000000a",
            "--param-sark=0",
            "--param-aptpl",
            "/dev/sdc",
          ],
          touches: ["8:32"],
          changes: true,
        },
      ],
    );
  });

  for (const { exits, kind } of [
    { exits: [CONFLICT], kind: "success" },
    { exits: [UNIT_ATTENTION, 0], kind: "success" },
    { exits: [INVALID_OPCODE], kind: "Unsupported" },
    { exits: [NOT_READY], kind: "HostCommandFailed" },
  ])
    it(`answers ${kind} after exits ${exits.join(" and ")}`, async () => {
      const { host } = aDisk({ "--register": exits });
      const released = await releaseReservation(host, { device, key }, never);
      assert.equal(released.ok ? "success" : released.failure.kind, kind);
    });
});

describe("readHolder", () => {
  for (const { exits, expected, because } of [
    { exits: { "--read-reservation": [NOT_HELD] }, expected: undefined, because: "none holds it" },
    {
      exits: { "--read-reservation": [heldBy(key)] },
      expected: { key, isThisMachine: true },
      because: "this one holds it",
    },
    {
      exits: { "--read-reservation": [heldBy(key)], "--register": [CONFLICT] },
      expected: { key, isThisMachine: false },
      because: "this one has not registered the holder's key",
    },
    {
      exits: { "--read-reservation": [heldBy(key)], "--register": [UNIT_ATTENTION, CONFLICT] },
      expected: { key, isThisMachine: false },
      because: "this one lost its registration",
    },
    {
      exits: { "--read-reservation": [NOT_READY] },
      expected: "HostCommandFailed",
      because: "the disk does not say",
    },
    {
      exits: { "--read-reservation": [heldBy(key)], "--register": [NOT_READY] },
      expected: "HostCommandFailed",
      because: "the disk does not say whose key it is",
    },
  ])
    it(`answers where ${because}`, async () => {
      const holder = await readHolder(aDisk(exits).host, device, never);
      assert.deepEqual(holder.ok ? holder.value : holder.failure.kind, expected);
    });

  it("changes no key", async () => {
    const { host, asked } = aDisk({ "--read-reservation": [heldBy(key)] });
    await readHolder(host, device, never);
    assert.deepEqual(asked, [
      "--read-reservation",
      `--register --param-rk=${key} --param-sark=${key} --param-aptpl`,
    ]);
  });
});
