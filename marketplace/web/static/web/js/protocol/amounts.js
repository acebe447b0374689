/**
 * Integer arithmetic of trades: the same formulas as in Python and Solidity (fixtures/vectors).
 * Energy in Wh, prices in micro-units per kWh, money in micro-units; all bigint.
 */

const WH_PER_KWH = 1000n;

/**
 * @param {bigint} quantityWh
 * @param {bigint} pricePerKwh
 * @returns {bigint} ceil(quantity * price / 1000)
 */
export function tradeAmount(quantityWh, pricePerKwh) {
  if (quantityWh < 0n || pricePerKwh < 0n) throw new RangeError("quantity and price can't be negative");
  return (quantityWh * pricePerKwh + WH_PER_KWH - 1n) / WH_PER_KWH;
}

/**
 * What a seller returns for energy paid and not delivered: the higher of trade and imbalance price, rounded up,
 * never more than is in the channel.
 *
 * @param {bigint} shortfallWh
 * @param {bigint} pricePerKwh
 * @param {bigint} imbalancePerKwh
 * @param {bigint} sellerBalance
 * @returns {bigint}
 */
export function refundAmount(shortfallWh, pricePerKwh, imbalancePerKwh, sellerBalance) {
  const due = tradeAmount(shortfallWh, pricePerKwh > imbalancePerKwh ? pricePerKwh : imbalancePerKwh);
  return due < sellerBalance ? due : sellerBalance;
}
