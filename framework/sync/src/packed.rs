//! Lists and texts on the wire, with their longest length in the type: nothing longer is decoded.

use minicbor::data::Type;
use minicbor::decode::{Decode, Error};
use minicbor::encode::{Encode, Write};
use minicbor::{Decoder, Encoder};

/// At most `MAX` strings of `N` bytes each, one after the other in one byte string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Packed<const N: usize, const MAX: usize>(pub(crate) Vec<[u8; N]>);

impl<const N: usize, const MAX: usize> Default for Packed<N, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<C, const N: usize, const MAX: usize> Encode<C> for Packed<N, MAX> {
    fn encode<W: Write>(
        &self,
        encoder: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        encoder.bytes(self.0.as_flattened())?.ok()
    }
}

impl<'b, C, const N: usize, const MAX: usize> Decode<'b, C> for Packed<N, MAX> {
    fn decode(decoder: &mut Decoder<'b>, _: &mut C) -> Result<Self, Error> {
        let bytes = decoder.bytes()?;
        let (entries, rest) = bytes.as_chunks::<N>();
        if !rest.is_empty() || entries.len() > MAX {
            return Err(Error::message("a list of wrong length"));
        }
        Ok(Self(entries.to_vec()))
    }
}

/// At most `MAX` values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct List<T, const MAX: usize>(pub(crate) Vec<T>);

impl<T, const MAX: usize> Default for List<T, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<C, T: Encode<C>, const MAX: usize> Encode<C> for List<T, MAX> {
    fn encode<W: Write>(
        &self,
        encoder: &mut Encoder<W>,
        context: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        self.0.encode(encoder, context)
    }
}

impl<'b, C, T: Decode<'b, C>, const MAX: usize> Decode<'b, C> for List<T, MAX> {
    fn decode(decoder: &mut Decoder<'b>, context: &mut C) -> Result<Self, Error> {
        let told = decoder.array()?;
        let mut values = Vec::new();
        loop {
            let is_end = match told {
                Some(length) => values.len() as u64 == length,
                None => decoder.datatype()? == Type::Break,
            };
            if is_end {
                break;
            }
            if values.len() == MAX {
                return Err(Error::message("a list of wrong length"));
            }
            values.push(T::decode(decoder, context)?);
        }
        if told.is_none() {
            decoder.skip()?;
        }
        Ok(Self(values))
    }
}

/// A text of at most `MAX` bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text<const MAX: usize>(pub(crate) String);

impl<C, const MAX: usize> Encode<C> for Text<MAX> {
    fn encode<W: Write>(
        &self,
        encoder: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        encoder.str(&self.0)?.ok()
    }
}

impl<'b, C, const MAX: usize> Decode<'b, C> for Text<MAX> {
    fn decode(decoder: &mut Decoder<'b>, _: &mut C) -> Result<Self, Error> {
        let text = decoder.str()?;
        if text.len() > MAX {
            return Err(Error::message("a text that is too long"));
        }
        Ok(Self(text.to_owned()))
    }
}
