import assert from "node:assert/strict";
import { it } from "node:test";
import { createSemaphore } from "./semaphore.ts";

it("admits as many as it has slots, then one for each that leaves, in their order", async () => {
  const semaphore = createSemaphore(2);
  const admitted: string[] = [];
  const tickets = ["a", "b", "c", "d"].map((name) => {
    const ticket = semaphore.enter();
    return { leave: ticket.leave, done: ticket.granted.then(() => admitted.push(name)) };
  });
  await Promise.all([tickets[0]?.done, tickets[1]?.done]);
  assert.deepEqual(admitted, ["a", "b"]);
  tickets[1]?.leave();
  tickets[1]?.leave();
  await tickets[2]?.done;
  assert.deepEqual(admitted, ["a", "b", "c"]);
});

it("drops one that leaves before its turn", async () => {
  const semaphore = createSemaphore(1);
  const [first, second, third] = [semaphore.enter(), semaphore.enter(), semaphore.enter()];
  second.leave();
  first.leave();
  await third.granted;
});
