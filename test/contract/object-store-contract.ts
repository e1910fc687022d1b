import { it } from "node:test";
import { createAndReadContract } from "./store/create-and-read.ts";
import { deleteContract } from "./store/delete.ts";
import { leasesContract } from "./store/leases.ts";
import { TEST_TIMEOUT_MS } from "./store/store-suite.ts";
import type { StoreSuite, StoreUnderTest } from "./store/store-suite.ts";
import { updateContract } from "./store/update.ts";
import { validationContract } from "./store/validation.ts";
import { watchContract } from "./store/watch.ts";

/** Declares the tests of Kubernetes' object semantics that every object store passes. */
export function objectStoreContract(
  name: string,
  makeStore: () => Promise<StoreUnderTest>,
  { timeoutMs = TEST_TIMEOUT_MS } = {},
): void {
  function on(sentence: string, test: (under: StoreUnderTest) => Promise<void>): void {
    it(sentence, { timeout: timeoutMs }, async () => {
      const under = await makeStore();
      try {
        await test(under);
      } finally {
        await under.close();
      }
    });
  }
  const suite: StoreSuite = { name, on };
  createAndReadContract(suite);
  validationContract(suite);
  updateContract(suite);
  deleteContract(suite);
  leasesContract(suite);
  watchContract(suite);
}
