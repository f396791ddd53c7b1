//! Devices on one computer, each a home of its own and real processes, over QUIC on loopback.

#[cfg(test)]
mod away;
#[cfg(test)]
mod desk;
#[cfg(test)]
mod killed;
#[cfg(test)]
mod lan;
#[cfg(test)]
mod mail;
#[cfg(test)]
mod own;
#[cfg(test)]
mod three;
#[cfg(test)]
mod tickets;
