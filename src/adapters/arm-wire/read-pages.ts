import { fail, ok } from "../../core/failure/result.ts";
import type { ArmAnswer, NextPage } from "../../provisioner/arm/arm-api.ts";
import { errorWithoutAnswer } from "../../provisioner/arm/arm-error.ts";
import { readPage } from "./read-resources.ts";
import { readSent, type SentAnswer, valueFrom } from "./wire-answer.ts";

/** Limit for the pages of one list, so that an endless list is noticed. */
const PAGES_MAX = 1000;

/** Reads a list from its first page on. `get` sends the request for the page at a `nextLink`. */
export async function readPages<T>(
  first: SentAnswer,
  list: {
    readonly clientRequestId: string;
    readonly nextPage: NextPage | undefined;
    readonly get: (nextLink: string) => Promise<SentAnswer>;
    readonly readItem: (item: unknown) => T;
  },
): Promise<ArmAnswer<readonly T[]>> {
  const items: T[] = [];
  let answer = first;
  for (let pages = 1; pages <= PAGES_MAX; pages++) {
    const page = readSent(answer, (wire) => valueFrom(wire, (body) => readPage(body, list.readItem)));
    if (!page.result.ok) return { ...page, result: page.result };
    items.push(...page.result.value.items);
    const { nextLink } = page.result.value;
    if (nextLink === undefined) return { result: ok(items), remaining: page.remaining };
    const admitted = await list.nextPage?.();
    if (admitted?.ok === false) return { result: admitted, remaining: page.remaining };
    answer = await list.get(nextLink);
  }
  const problem = `a list has more than ${PAGES_MAX} pages`;
  return { result: fail(errorWithoutAnswer("TooManyPages", problem, list.clientRequestId)), remaining: [] };
}
