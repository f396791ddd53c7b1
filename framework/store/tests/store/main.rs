//! The store through its public API, one module for each noun.

#[cfg(test)]
mod base;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod durability;
#[cfg(test)]
mod formats;
#[cfg(test)]
mod links;
#[cfg(test)]
mod operations;
#[cfg(test)]
mod peers;
#[cfg(test)]
mod rows;
#[cfg(test)]
mod views;
