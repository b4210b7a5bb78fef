

   FROM    scratch   

	RUN		echo   kept   inside  	
  ENV   a=b    c=d  
 COPY  a   b	c  
RUN verticaltab
RUN form feed
