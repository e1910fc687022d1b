import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { hardwareAddress, isTaken, labNetwork, SLOTS_MAX } from "./lab-network.ts";

describe("lab network", () => {
  it("gives no address of one lab to another", () => {
    const networks = Array.from({ length: SLOTS_MAX }, (_, slot) => labNetwork(slot));
    const ranges = networks.flatMap(({ machines, pods }) => [machines, pods]);
    assert.equal(new Set(ranges).size, 2 * SLOTS_MAX);
    assert.equal(new Set(networks.map(({ hostLink }) => hostLink)).size, SLOTS_MAX);
    assert.ok(!ranges.includes(labNetwork(0).services));
  });

  it("has an address for each node and its pods", () => {
    const network = labNetwork(1);
    assert.deepEqual(
      [network.nodeAddress(0), network.nodeAddress(2), network.podsOfNode(2), network.podGateway(2)],
      ["10.89.0.11", "10.89.0.13", "10.245.3.0/24", "10.245.3.1"],
    );
  });

  it("has a stable hardware address for each machine, also after a restart", () => {
    const { gateway, nodeAddress } = labNetwork(1);
    assert.deepEqual([gateway, nodeAddress(0)].map(hardwareAddress), [
      "02:00:0a:59:00:01",
      "02:00:0a:59:00:0b",
    ]);
  });

  for (const { dst, taken, because } of [
    { dst: "10.88.0.0/16", taken: true, because: "another network has the machines' range" },
    { dst: "10.244.3.0/24", taken: true, because: "another network has a part of the pods' range" },
    { dst: "10.88.7.7", taken: true, because: "a route to one machine of it leads elsewhere" },
    { dst: "10.0.0.0/8", taken: false, because: "a wider route serves what is left of its range" },
    { dst: "default", taken: false, because: "it is for what no other route is for" },
    { dst: "10.89.0.0/16", taken: false, because: "it is another lab's" },
    { dst: "fd00::/64", taken: false, because: "the lab has no such addresses" },
  ]) {
    it(`${taken ? "conflicts with" : "permits"} a route to ${dst}: ${because}`, () => {
      assert.equal(isTaken(labNetwork(0), [{ dst }]), taken);
    });
  }
});
