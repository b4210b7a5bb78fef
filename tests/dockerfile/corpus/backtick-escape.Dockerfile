# escape=`
FROM mcr.microsoft.com/windows/nanoserver
COPY testfile.txt c:\
RUN dir c:\ `
    && echo `
    # a comment in between
    done
ENV path="c:\program files\x" other=a` b
LABEL a="say `"hi`"" b='c:\'
