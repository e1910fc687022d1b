/**
 * Reads the digits of a code, the lowest first: each call names the radix of the next one. Codes are whole
 * numbers from 0 below 2^53.
 */
export function digitsOf(code: number): (radix: number) => number {
  let rest = code;
  return (radix) => {
    const digit = rest % radix;
    rest = (rest - digit) / radix;
    return digit;
  };
}
