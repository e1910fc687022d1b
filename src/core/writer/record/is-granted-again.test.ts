import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aRecord, aWriter } from "../../testing/objects.ts";
import { isGrantedAgain } from "./is-granted-again.ts";

const held = aRecord({ writer: aWriter("node-a") });
const unrequested = aRecord({ writer: aWriter("node-a", { requested: false }) });
const released = aRecord({ writer: aWriter("node-a", { held: false, requested: false }) });

describe("isGrantedAgain", () => {
  for (const { because, before, record, isAgain } of [
    { because: "nothing has changed", before: held, record: held, isAgain: false },
    { because: "there is no writer", before: held, record: aRecord(), isAgain: false },
    { because: "its request has ended", before: held, record: unrequested, isAgain: false },
    { because: "it was released", before: unrequested, record: released, isAgain: false },
    { because: "it was requested again", before: released, record: held, isAgain: true },
    { because: "there was no writer", before: aRecord(), record: released, isAgain: true },
    { because: "there was no record", before: undefined, record: held, isAgain: true },
    {
      because: "its epoch is another one",
      before: held,
      record: aRecord({ writer: aWriter("node-a", { epoch: 2 }) }),
      isAgain: true,
    },
  ])
    it(`is ${isAgain} where ${because}`, () => assert.equal(isGrantedAgain(before, record), isAgain));
});
